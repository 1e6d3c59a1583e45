import spprof
from spent import check_seconds, names, spend

text = "def made_{0}():\n    spend(0.03)\nmade_{0}()\n"
spprof.start(interval_ms=1)
for number in range(30):
    exec(compile(text.format(number), f"made-{number}.py", "exec"), {"spend": spend})
profile = spprof.stop()
for number in range(30):
    check_seconds(profile, f"made_{number}", 0.03)
made = {
    ("spend" in names(sample), frame)
    for sample in profile.samples
    for frame in sample.frames
    if frame.file.startswith("made-")
}
for in_call, frame in made:
    lines = {f"made_{frame.file[5:-3]}": 2, "<module>": 3}
    assert frame.function in lines, frame
    assert not in_call or frame.line == lines[frame.function], frame
