def test_x(toy):
    out = toy.run()
    import subprocess
    print(subprocess.run(["find", str(out.folder.path), "-type", "f"], capture_output=True, text=True).stdout)
    print(out.metrics["main"], toy.heard.notices, toy.heard.phases)
    assert 0
