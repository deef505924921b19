"""Generated pages are current, the help is short, and the papers name only what exists."""
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def out(omma, *args):
    return subprocess.run([omma, *args], capture_output=True, text=True, check=True).stdout


def test_options_page_is_current(omma):
    assert (ROOT / "docs/options.md").read_text() == out(omma, "docs", "options"), "run make docs"


def test_help_is_short_and_starts_with_examples(omma):
    text = out(omma)
    assert len(text.splitlines()) < 40
    assert text.index("omma run test:") < text.index("usage:")


def test_every_command_explains_itself(omma):
    commands = re.findall(r"^  (\w+)  +\S", out(omma).split("usage:")[1], re.M)
    assert {"run", "detect", "track", "model", "events", "bench", "check", "doctor"} <= set(commands)
    for command in commands:
        text = out(omma, command, "--help")
        assert len(text.splitlines()) < 45, command


def test_example_config_is_right(omma, tmp_path):
    example = tmp_path / "omma.yaml"
    example.write_text(out(omma, "docs", "example").replace("${GATE_PASSWORD}", "x"))
    assert "right" in out(omma, "check", str(example))


def test_links_in_papers_lead_somewhere():
    for paper in [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"]:
        for link in re.findall(r"\]\(([^)#:]+)\)", paper.read_text()):
            assert (ROOT / link).exists(), f"{paper.name}: {link}"
