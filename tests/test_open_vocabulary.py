"""The sets of texts of the open-vocabulary benchmark: only what each line says is changed."""

import torch

from benchmarks.open_vocabulary import DRAWS, derangement, lines, spread

HIDDEN = [3, 8]
OTHERS = [i for i in range(10) if i not in HIDDEN]


def texts_by_line() -> tuple[torch.Tensor, torch.Tensor, dict[str, list[torch.Tensor]]]:
    names, others = torch.randn(10, 6), torch.randn(2, 6)
    found: dict[str, list[torch.Tensor]] = {}
    for line, texts in lines(names, others, HIDDEN, torch.Generator().manual_seed(0)):
        found.setdefault(line, []).append(texts)
    return names, others, found


def test_lines_about_hidden_names_leave_the_others_alone():
    names, others, found = texts_by_line()
    for line in ("as trained", "all names", "exchanged", "other words", "random"):
        assert all(torch.equal(texts[OTHERS], names[OTHERS]) for texts in found[line])
    assert (found["as trained"][0][HIDDEN] == 0).all()
    assert torch.equal(found["all names"][0], names)
    assert torch.equal(found["exchanged"][0][HIDDEN], names[[8, 3]])
    assert torch.equal(found["other words"][0][HIDDEN], others)
    assert len(found["random"]) == len(found["permuted"]) == DRAWS
    assert not torch.equal(found["random"][0], found["random"][1])


def test_permuted_names_leave_nothing_in_its_place():
    names, _, found = texts_by_line()
    for texts in found["permuted"]:
        assert sorted(texts[:, 0].tolist()) == sorted(names[:, 0].tolist())
        assert not (texts == names).all(-1).any()


def test_derangement_of_two_is_the_exchange():
    assert derangement(2, torch.Generator().manual_seed(4)).tolist() == [1, 0]


def test_spread():
    assert spread([0.5]) == "0.500"
    assert spread([0.1, 0.2, 0.6]) == "0.300 (0.100 to 0.600)"
