"use strict";
// Numbers as people read them: three digits; all digits stand in `data-value`.

function written(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (value === "inf") return "∞";
  if (value === "-inf") return "−∞";
  if (typeof value !== "number") return String(value);
  return threeDigits(value).replace(/^-/, "−");
}

function threeDigits(value) {
  if (value === 0 || (Number.isInteger(value) && Math.abs(value) < 1e6)) return String(value);
  const exponent = Number(value.toExponential(2).split("e")[1]);
  if (exponent < -4 || exponent > 5) return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
  return exponent > 2 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

function signed(value) {
  if (value === null) return "?";
  return (value < 0 ? "" : "+") + written(value);
}

// The shortest number in [low, high), so that a field shows the very limit that is applied.
function shortestFrom(low, high) {
  return shortest(low, (x) => low <= x && x < high);
}

// The shortest number in (low, high].
function shortestUpTo(low, high) {
  return shortest(high, (x) => low < x && x <= high);
}

function shortest(exact, fits) {
  for (let digits = 1; digits <= 17; digits += 1) {
    const rounded = Number(exact.toPrecision(digits));
    if (fits(rounded)) return rounded;
  }
  return exact;
}
