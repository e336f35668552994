import nltk
from allennlp_models.structured_prediction import PennTreeBankConstituencySpanDatasetReader

TREE = "( (S (NP (DT The) (NN soup)) (VP (VBD was) (ADJP (JJ cold))) (. .)) )\n"


def test_a_treebank_is_read_wherever_it_lies(tmp_path) -> None:
    path = tmp_path / "trees.mrg"
    path.write_text(TREE * 3)
    path.chmod(0o666)  # as of those whose group may write
    tmp_path.chmod(0o777)
    before = list(nltk.data.path)
    instances = list(PennTreeBankConstituencySpanDatasetReader().read(str(path)))
    assert [len(instance["tokens"]) for instance in instances] == [5, 5, 5]
    assert nltk.data.path == before


def test_the_directory_is_taken_back_when_reading_ends_early(tmp_path) -> None:
    path = tmp_path / "trees.mrg"
    path.write_text(TREE * 3)
    before = list(nltk.data.path)
    trees = PennTreeBankConstituencySpanDatasetReader()._read(str(path))
    next(trees)
    trees.close()
    assert nltk.data.path == before


def test_a_link_to_a_treebank_is_followed(tmp_path, monkeypatch) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "trees.mrg").write_text(TREE)
    (tmp_path / "inside" / "link.mrg").symlink_to(tmp_path / "trees.mrg")
    monkeypatch.chdir(tmp_path / "inside")
    assert len(list(PennTreeBankConstituencySpanDatasetReader().read("link.mrg"))) == 1
