"""Metrics and checkpoints for trials of ablate. Copy this file beside your script.

    import ablate_log as trial
    state = trial.resume(torch.load) or fresh()
    trial.log(step, val_loss=2.5)
    trial.checkpoint(lambda path: torch.save(state, path))
"""
import json, os

_metrics, _resume = os.environ.get("ABLATE_METRICS", "metrics.jsonl"), os.environ.get("ABLATE_RESUME", "resume")
_commit = os.path.join(_resume, "COMMIT")


def log(step, **values):
    with open(_metrics, "a") as f:
        f.writelines(json.dumps({"step": step, "name": k, "value": float(v)}) + "\n" for k, v in values.items())


def checkpoint(save):
    os.makedirs(_resume, exist_ok=True)
    old = open(_commit).read() if os.path.exists(_commit) else "state-1"
    name = "state-0" if old == "state-1" else "state-1"  # the committed one stays until the next is whole
    save(os.path.join(_resume, name))
    with open(_commit + ".new", "w") as f:
        f.write(name)
    os.replace(_commit + ".new", _commit)


def resume(load):
    return load(os.path.join(_resume, open(_commit).read())) if os.path.exists(_commit) else None
