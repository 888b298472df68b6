"""The descendant step: computed from the counts of an object, or read from its entry; written last."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.checks.findings import findings_table
from argen._bridge.checks.screen import Seen, choose_depth_genes, look_at, quick_findings
from argen._bridge.cluster.workers import HERE, Backend, Run, workers
from argen._bridge.counts import tell_of_counts
from argen._bridge.inputs import read_screen
from argen._bridge.remembered import with_remembered
from argen._bridge.responders.total import compute_total_effects, write_total_effects
from argen._bridge.results import slots
from argen._bridge.results.entries import Entry, check_free, is_leftover, read_entry
from argen._bridge.results.fingerprint import fingerprint
from argen._bridge.results.pairs import has_all_pairs
from argen._bridge.results.step_log import (
    design,
    log_findings,
    log_large,
    log_shifts,
    summary,
    warn_dropped,
    warn_untested,
)
from argen._bridge.results.tables import SHIFTED, shifts_table
from argen._bridge.runtime import announce_compilation, progress_bars, resolve_n_jobs
from argen._bridge.settings import DescendantSettings, from_uns, wanted_responders
from argen._bridge.storage import check_readable
from argen._bridge.validate import check_anndata, check_key, name_some
from argen._core.descendants.closure import descendant_relation
from argen._core.descendants.prior import Prior
from argen._core.descendants.tests import fit_descendants, fit_with_dispersions
from argen._core.glm.families import FAMILIES
from argen._core.normal import log_p_two_sided
from argen._core.parallel import Map, worker_pool
from argen._core.results import DescendantTests, Relation
from argen._core.screen import Screen, with_shifts
from argen.errors import ArgenError, InputError, StaleResultError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["DescendantStep", "compute_step", "fits_data", "open_step", "read_step", "shifted", "write_step"]


@dataclass(frozen=True, slots=True)
class DescendantStep:
    """A descendant step with the data that it rests on.

    Attributes
    ----------
    entry
        What is, or will be, in ``uns``.
    settings, screen, tests, relation
        How it was made, from what, and what came out.
    phi
        Dispersion of each gene, 0 for Poisson, shape (p,).
    is_new
        Whether it was computed now and has to be written yet.
    total_effects
        Total effects on all measured genes that were computed with it, for an entry of their own.
    """

    entry: Entry
    settings: DescendantSettings
    screen: Screen
    tests: DescendantTests
    relation: Relation
    phi: np.ndarray
    is_new: bool
    total_effects: Entry | None = None

    @property
    def made_from(self) -> dict[str, str]:
        """Ids for what is made from this step."""
        return {"data": self.entry.made_from["data"], "descendants": self.entry.id}

    @property
    def unshifted(self) -> Screen:
        """The screen without the offsets that were taken out."""
        table = self.entry.tables["shifts"]
        back = shifted(self.screen, table.assign(shift=-table["shift"]))
        return back if back is self.screen else replace(back, gene_shift=None, shifted=None)

    @property
    def depth_genes(self) -> np.ndarray | None:
        """Genes that make up the depth with ``depth="unaffected"``, else None."""
        return self.entry.tables.get("depth_genes")

    def whole(self, map_: Map) -> "DescendantStep":
        """The same with all numbers of all pairs: those of a large step that was read are fitted again."""
        if self.is_new or has_all_pairs(self.entry.tables):
            return self
        log.info("    all pairs are fitted again: of so many not all numbers are stored")
        how = {"test": self.settings.test, "hc": self.settings.hc, "pooled": self.settings.pooled}
        tests = fit_descendants(self.screen, map_, phi=self.phi, **how)
        return replace(self, tests=replace(tests, log_p=log_p_two_sided(tests.z)))  # as where it is read

    def relation_with(self, prior: Prior, within: np.ndarray | None = None) -> Relation:
        """The descendant relation, made again where prior knowledge changes it, or where some pairs alone count."""
        if prior.is_empty and within is None:
            return self.relation
        return descendant_relation(self.tests, self.settings.closure, self.settings.alpha, prior, within)


def compute_step(
    adata: "AnnData", settings: DescendantSettings, key: str, n_jobs: int | None, backend: Backend = HERE
) -> DescendantStep:
    """Run the descendant step; `adata` is not changed."""
    with backend.reading():
        return _compute_step(adata, settings, key, n_jobs, backend)


def _compute_step(
    adata: "AnnData", settings: DescendantSettings, key: str, n_jobs: int | None, backend: Backend
) -> DescendantStep:
    threads = resolve_n_jobs(n_jobs)
    family = FAMILIES[settings.family]
    announce_compilation(family.name)
    with worker_pool(threads) as map_, progress_bars() as bar:
        depth_genes = choose_depth_genes(adata, settings, map_, bar)
    screen, report = read_screen(adata, settings, depth_genes)
    data = fingerprint(screen, adata.obs_names)
    tell_of_counts(adata, settings.layer)
    warn_dropped(report)
    log.info(design(screen))
    run = Run("ag.tl.argen_descendants", data, asdict(settings))
    with workers(threads, backend, run) as map_, progress_bars() as bar:
        seen = look_at(adata, settings, depth_genes, map_, bar)
        shifts, findings = _shifts(seen), findings_table(quick_findings(adata, settings, seen))
        del seen  # which is as large as the tests will be
        screen = shifted(screen, shifts)
        track = bar("descendants, genes", screen.n_genes)
        how = {"test": settings.test, "hc": settings.hc, "pooled": settings.pooled}
        dispersions, tests = fit_with_dispersions(screen, map_, track, by_dispersion=family.needs_dispersion, **how)
        phi = dispersions.phi if family.needs_dispersion else np.zeros(screen.n_genes)
    relation = descendant_relation(tests, settings.closure, settings.alpha)
    warn_untested(screen, tests)
    log_large(relation)
    log_shifts(shifts)
    if family.needs_dispersion:
        n_poisson = int((phi == 0).sum())
        log.info(
            f"    {family.words} for {screen.n_genes - n_poisson} genes, Poisson for {n_poisson}, see ag.get.genes"
        )
    log_findings(findings)
    more = {"shifts": shifts, "findings": findings}
    if depth_genes is not None:
        more["depth_genes"] = depth_genes
    entry = slots.descendants_entry(key, settings, screen, report, tests, relation, dispersions, more, data)
    step = DescendantStep(entry, settings, screen, tests, relation, phi, is_new=True)
    with workers(threads, backend, run) as map_, progress_bars() as bar:
        return replace(step, total_effects=compute_total_effects(adata, step, map_, bar))


def _shifts(seen: Seen) -> pd.DataFrame:
    """Shifts of all perturbations and all measured genes, and which of them are taken out."""
    genes = seen.measured.screen.genes
    return shifts_table(seen.measured.perturbations, genes, seen.shifts, seen.taken_out)


def shifted(screen: Screen, shifts: pd.DataFrame) -> Screen:
    """The screen with the offsets that a table of shifts takes out."""
    out = shifts[shifts["taken_out"].astype(bool)]
    size = {kind: part.set_index("name")["shift"] for kind, part in out.groupby(out["of"].astype(str))}
    of = [
        size[kind].reindex(screen.genes).fillna(0.0).to_numpy() if kind in size else np.zeros(screen.n_genes)
        for kind in SHIFTED
    ]
    return with_shifts(screen, *of)


def read_step(adata: "AnnData", key: str) -> DescendantStep:
    """Read the step ``uns[key]``, checked to be made from the data that the object holds now.

    Data that were not read from their file yet need not be stale: they are an error of their own.
    """
    entry = read_entry(adata, key, "descendants")
    settings = from_uns(DescendantSettings, entry.settings)
    check_readable(adata, settings.layer)
    cure = f"Run ag.tl.argen_descendants again to renew adata.uns[{key!r}]."
    try:
        screen, _ = read_screen(adata, settings, entry.tables.get("depth_genes"))
    except ArgenError as error:
        msg = f"The design of adata.uns[{key!r}] does not fit this object any more: {error} {cure}"
        raise StaleResultError(msg) from error
    if fingerprint(screen, adata.obs_names) != entry.made_from["data"]:
        msg = (
            f"adata.uns[{key!r}] was made from other cells, genes, counts, perturbations, depths or covariates. {cure}"
        )
        raise StaleResultError(msg)
    screen = shifted(screen, entry.tables["shifts"])
    tests, relation = slots.read_descendants(entry, screen.genes)
    phi = slots.read_dispersions(entry, screen.genes)
    return DescendantStep(entry, settings, screen, tests, relation, phi, is_new=False)


def open_step(
    adata: "AnnData",
    function: Callable,
    given: Mapping[str, Any],
    *,
    descendants: str,
    key_added: str,
    kind: str,
    n_jobs: int | None,
    backend: Backend = HERE,
) -> DescendantStep:
    """The step ``uns[descendants]``, computed with the arguments `given` if it is not there.

    `function` will write an entry of this `kind` under `key_added`.
    """
    check_anndata(adata)
    check_key("key_added", key_added)
    check_key("descendants", descendants)
    if key_added == descendants:
        msg = f"key_added={key_added!r} would overwrite the descendant step of that name. Choose another name."
        raise InputError(msg)
    check_free(adata, key_added, kind)
    _check_known(function, given)
    if "responders" in given:
        given = {**given, "responders": wanted_responders(given["responders"])}
    if descendants in adata.uns and not is_leftover(adata, descendants):
        _check_same(read_entry(adata, descendants, "descendants"), given)
        announce_compilation()
        with backend.reading():
            return read_step(adata, descendants)
    start = log.info("computing descendants of every perturbed gene")
    settings = DescendantSettings.read(with_remembered(adata, given, ["qc"]))
    step = compute_step(adata, settings, descendants, n_jobs, backend)
    log.info("    finished", time=start, deep=summary(descendants, step.tests, step.relation))
    return step


def write_step(adata: "AnnData", step: DescendantStep) -> None:
    """Write a step that was computed now; one that was read is there already."""
    if step.is_new:
        slots.write_descendants(adata, step.entry, step.screen, step.tests, step.relation)
        write_total_effects(adata, step.entry.key, step.total_effects)


def fits_data(adata: "AnnData", entry: Entry) -> bool:
    """Whether a step was made from the cells, counts, perturbations and covariates that the object holds now.

    Counts that are not in memory are an error, as in :func:`read_step`.
    """
    check_readable(adata, from_uns(DescendantSettings, entry.settings).layer)
    try:
        read_step(adata, entry.key)
    except ArgenError:
        return False
    return True


def _check_known(function: Callable, given: Mapping[str, Any]) -> None:
    known = {field.name for field in fields(DescendantSettings)}
    if unknown := sorted(set(given) - known):
        own = sorted(p.name for p in signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY)
        msg = (
            f"{function.__name__} has no argument {name_some(map(repr, unknown))}. Its own are {name_some(own, 30)}; "
            f"to the descendant step it hands on {name_some(sorted(known), 20)}."
        )
        raise InputError(msg)


def _check_same(entry: Entry, given: Mapping[str, Any]) -> None:
    """Arguments given now must be those that made the stored step."""
    for name, value in given.items():
        stored = entry.settings.get(name)
        if _texts(value) != _texts(stored):
            stored = _texts(stored) if isinstance(stored, tuple) else stored
            msg = (
                f"{name}={value!r}, but adata.uns[{entry.key!r}] was made with {name}={stored!r}. Leave the argument "
                "out to use that step again, or run ag.tl.argen_descendants with the new one."
            )
            raise InputError(msg)


def _texts(value: object) -> list[str] | None:
    """A setting as it can be compared; no names are the same as none."""
    return None if value is None else [str(item) for item in np.atleast_1d(np.asarray(value, dtype=object))] or None
