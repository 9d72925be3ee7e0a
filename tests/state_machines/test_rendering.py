from pathlib import Path

from state_machines.__main__ import MACHINES, main, path, render


def test_the_committed_json_is_what_the_source_renders():
    committed = {name: path(name).read_text(encoding="utf-8") for name in MACHINES}
    assert committed == {name: render(name) for name in MACHINES}, "run: make asl"


def test_rendering_does_not_depend_on_the_region_of_whoever_renders(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "cn-north-1")
    assert render("batch") == path("batch").read_text(encoding="utf-8")


def test_every_committed_machine_has_a_source():
    assert {file.name for file in path("batch").parent.glob("*.asl.json")} == {f"{name}.asl.json" for name in MACHINES}


def test_the_command_writes_the_file_beside_its_source(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("state_machines.__main__.path", lambda name: Path(tmp_path) / f"{name}.asl.json")
    main()
    assert (tmp_path / "batch.asl.json").read_text(encoding="utf-8") == render("batch")
    assert "batch.asl.json" in capsys.readouterr().out
