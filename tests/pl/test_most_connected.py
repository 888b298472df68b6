from argen.pl._network.most_connected import hidden_genes_note, hubs


def test_hubs_are_the_genes_with_most_edges(make_dag):
    graph = make_dag(300, 900, 3, 5)
    chosen = hubs(graph, 20)
    assert len(chosen) == 20
    assert chosen == [gene for gene in graph if gene in set(chosen)]
    assert min(graph.degree[gene] for gene in chosen) >= max(graph.degree[gene] for gene in graph if gene not in chosen)


def test_ties_do_not_depend_on_the_order_of_the_graph(make_dag):
    graph = make_dag(50, 60, 1)
    other = graph.__class__()
    other.add_nodes_from(reversed(list(graph.nodes(data=True))))
    other.add_edges_from(graph.edges(data=True))
    assert set(hubs(graph, 7)) == set(hubs(other, 7))


def test_note(make_dag):
    assert hubs(make_dag(4, 2, 1), 9) == list(make_dag(4, 2, 1))
    assert hidden_genes_note(9, 9) == ""
    assert hidden_genes_note(500, 2300) == "500 of 2300 genes shown, those with the most edges"
