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
        self.names = {line.partition("  ")[0] for line in lines if line and line[0] != "#"}

    def report(self, failures: dict[str, str], passed: set[str]) -> list[str]:
        """Prints what is not as it was, and gives the tests that fail and did not."""
        new = sorted(set(failures) - self.names)
        for name in new:
            print(f"NEW  {name}  {failures[name]}")
        for name in sorted(passed & self.names):
            print(f"PASSES, and is in {self.path.name}  {name}")
        print(f"{len(passed)} passed, {len(failures)} failed, {len(new)} of these are new")
        return new

    def write(self, failures: dict[str, str]) -> None:
        lines = [f"{name}  {message}".rstrip() for name, message in sorted(failures.items())]
        self.path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        self.names = set(failures)
