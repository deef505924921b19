"""The program starts at all and says which one it is."""
import subprocess


def test_version(omma):
    done = subprocess.run([omma, "version"], capture_output=True, text=True, timeout=10)
    assert done.returncode == 0
    assert "0.1.0" in done.stdout
