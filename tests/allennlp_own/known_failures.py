from pathlib import Path


class KnownFailures:
    """
    The list of the tests of one repository that are known to fail, a file beside this: lines of a
    test and, behind it, what its failure says.
    """

    def __init__(self, source: Path) -> None:
        models = (source / "allennlp_models").is_dir()
        name = "allennlp_models" if models else "allennlp"
        self.path = Path(__file__).with_name(f"{name}.txt")
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        self.lines = {line.partition("  ")[0]: line.partition("  ")[2] for line in lines}

    def report(self, failures: dict[str, str], passed: set[str]) -> list[str]:
        """Prints what is not as it was, and gives the tests that fail and did not."""
        new = sorted(set(failures) - set(self.lines))
        for name in new:
            print(f"NEW  {name}  {failures[name]}")
        for name in sorted(passed & set(self.lines)):
            print(f"PASSES, and is in {self.path.name}  {name}")
        print(f"{len(passed)} passed, {len(failures)} failed, {len(new)} of these are new")
        return new

    def add(self, failures: dict[str, str], passed: set[str]) -> None:
        kept = {name: text for name, text in self.lines.items() if name not in passed}
        self.lines = {**kept, **failures}
        lines = [f"{name}  {text}".rstrip() for name, text in sorted(self.lines.items())]
        self.path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
