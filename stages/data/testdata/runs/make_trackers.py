"""Makes the databases and offline runs of trackers beside this file with the packages
that users have, and trackers.json with what the tools' own readers say about them.
See README.md.

Usage: python make_trackers.py  (in a virtual environment with the packages of README.md)
"""
import gzip
import json
import os
import shutil
import sqlite3
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
work = tempfile.mkdtemp()
os.chdir(work)
os.environ.update(HOME=work, TRACKIO_DIR=work + "/trackio", WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DIR=work,
                  HF_HUB_OFFLINE="1", MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
golden = {}
nan, inf = float("nan"), float("inf")


def loss(lr, seed, step):
    return round(4.0 - step * 0.1 - lr + 0.01 * seed, 6)


def text(value):
    return None if value is None else repr(float(value))


def pack(database, name):
    """Stores a database as one compressed file without a log or free pages."""
    copy = database + ".packed"
    c = sqlite3.connect(database)
    c.execute("VACUUM INTO ?", (copy,))
    c.close()
    with open(copy, "rb") as f, open(f"{here}/{name}.gz", "wb") as out:
        with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, filename="") as z:
            z.write(f.read())


PLAN = [("rms", 1), ("rms", 2), ("dyt", 1), ("dyt", 2)]


def mlflow_runs():
    import mlflow
    mlflow.set_tracking_uri(f"sqlite:///{work}/mlflow.db")
    client = mlflow.MlflowClient()
    experiment = client.create_experiment("norms", artifact_location="/tmp/none")
    other = client.create_experiment("other", artifact_location="/tmp/none")
    plan = [(*p, "FINISHED") for p in PLAN] + [("dyt", 3, "FAILED"), ("dyt", 4, "RUNNING"), ("rms", 3, "KILLED"), ("dyt", 5, "FINISHED")]
    for i, (norm, seed, status) in enumerate(plan):
        run = client.create_run(experiment, run_name=f"{norm}-{seed}").info.run_id
        client.log_param(run, "norm", norm)
        client.log_param(run, "seed", seed)
        client.log_param(run, "optimizer/lr", 1e-3)
        client.set_tag(run, "team", "a")
        for step in (0, 2, 1):
            value = {(3, 2): inf, (7, 2): nan}.get((i, step), loss(0.3, seed, step))
            client.log_metric(run, "val/loss", value, step=step)
            client.log_metric(run, "acc", step / 8, step=step)
        if status != "RUNNING":
            client.set_terminated(run, status)
    client.delete_run(client.create_run(experiment).info.run_id)
    client.set_terminated(client.create_run(other).info.run_id)
    client.delete_experiment(other)
    golden["mlflow"] = [
        {"norm": r.data.params["norm"], "seed": r.data.params["seed"], "status": r.info.status, "val/loss": text(r.data.metrics["val/loss"]),
         "curve": [[m.step, text(m.value)] for m in sorted(client.get_metric_history(r.info.run_id, "val/loss"), key=lambda m: m.step)]}
        for r in client.search_runs([experiment], order_by=["start_time"])]
    c = sqlite3.connect("mlflow.db")
    c.execute("DELETE FROM tags WHERE key = 'mlflow.user' OR key LIKE 'mlflow.source%'")
    c.execute("UPDATE runs SET user_id = '', source_name = ''")
    c.commit()
    c.close()
    pack("mlflow.db", "mlflow.db")


def optuna_runs():
    import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = f"sqlite:///{work}/optuna.db"
    study = optuna.create_study(storage=storage, study_name="norms")
    norms = optuna.distributions.CategoricalDistribution(["rms", "dyt", None, 0.5, True])
    seeds = optuna.distributions.IntDistribution(1, 9)
    rates = optuna.distributions.FloatDistribution(1e-5, 1, log=True)
    states = ["COMPLETE"] * 4 + ["PRUNED", "FAIL", "RUNNING", "WAITING"]
    for i, state in enumerate(states):
        norm, seed = (PLAN + [("dyt", 3), ("dyt", 4), ("dyt", 5), ("dyt", 6)])[i]
        if state == "WAITING":
            study.enqueue_trial({"norm": norm})
            continue
        trial = study.ask({"norm": norms, "seed": seeds, "lr": rates} if i < 0 else None)
        trial.storage = None
        storage_object = study._storage
        for name, dist, value in (("norm", norms, norm), ("seed", seeds, seed), ("lr", rates, 1e-3)):
            storage_object.set_trial_param(trial._trial_id, name, dist.to_internal_repr(value), dist)
        trial = optuna.trial.Trial(study, trial._trial_id)
        trial.set_user_attr("note", {"a": [1]})
        trial.set_user_attr("width", 64)
        for step in range(3):
            trial.report(nan if i == 3 and step == 2 else loss(0.5, seed, step), step)
        if state != "RUNNING":
            value = inf if i == 3 else loss(0.5, seed, 2)
            study.tell(trial, value if state == "COMPLETE" else None, state=optuna.trial.TrialState[state])
    golden["optuna"] = [
        {"norm": t.params.get("norm"), "seed": str(t.params.get("seed")), "status": t.state.name, "value": text(t.value),
         "width": t.user_attrs.get("width"), "curve": [[s, text(v)] for s, v in sorted(t.intermediate_values.items())]}
        for t in optuna.load_study(study_name="norms", storage=storage).trials if t.params]
    two = optuna.create_study(storage=storage, study_name="two", directions=["minimize", "maximize"])
    two.set_metric_names(["loss", "speed"])
    for i in range(3):
        trial = two.ask()
        two.tell(trial, [trial.suggest_float("lr", 0.1, 0.3, step=0.1), float(i)])
    frame = two.trials_dataframe()
    golden["optuna two"] = [{"lr": text(r["params_lr"]), "loss": text(r["values_loss"]), "speed": text(r["values_speed"])} for _, r in frame.iterrows()]
    pack("optuna.db", "optuna.db")


def trackio_runs():
    import trackio
    from trackio.sqlite_storage import SQLiteStorage
    for i, (norm, seed) in enumerate(PLAN):
        run = trackio.init(project="norms", name=f"{norm}-{seed}" if i != 1 else "rms-1", config={"norm": norm, "seed": seed, "optimizer": {"lr": 1e-5}}, embed=False)
        for step in range(3):
            trackio.log({"val/loss": nan if i == 3 and step == 2 else loss(0.6, seed, step), "acc": step / 8}, step=step)
            trackio.log({"epoch": step}, step=step)
        trackio.finish()
    database = str(SQLiteStorage.get_project_db_path("norms"))
    golden["trackio"] = []
    for record in SQLiteStorage.get_run_records("norms"):
        run = record["id"]
        config = SQLiteStorage.get_run_config("norms", record["name"], run_id=run)
        logs = [l for l in SQLiteStorage.get_logs("norms", record["name"], run_id=run) if "val/loss" in l]
        golden["trackio"].append({"norm": config["norm"], "seed": str(config["seed"]), "val/loss": text(logs[-1]["val/loss"]),
                                  "curve": [[l["step"], text(l["val/loss"])] for l in logs]})
    c = sqlite3.connect(database)
    for id, config in c.execute("SELECT id, config FROM configs").fetchall():
        config = {k: v for k, v in json.loads(config).items() if k != "_Username"}
        c.execute("UPDATE configs SET config = ? WHERE id = ?", (json.dumps(config), id))
    c.commit()
    c.close()
    pack(database, "trackio.db")


def records(content):
    """The records of a log of LevelDB after W&B's header of seven bytes."""
    at, record = 7, b""
    while at < len(content):
        room = 32768 - at % 32768
        if room < 7:
            at += room
            continue
        length, kind = int.from_bytes(content[at + 4:at + 6], "little"), content[at + 6]
        record += content[at + 7:at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield record
            record = b""


def value_of(item):
    kind = item.WhichOneof("value") if hasattr(item, "none") else None
    return getattr(item, kind) if kind in ("boolean", "integer", "number", "text") else json.loads(item.value_json or item.json)


def wandb_runs():
    import wandb
    from wandb.proto import wandb_internal_pb2
    shutil.rmtree(here + "/wandb", ignore_errors=True)
    golden["wandb"] = []
    settings = wandb.Settings(console="off", disable_git=True, save_code=False, x_disable_meta=True, x_disable_stats=True, x_disable_machine_info=True,
                              host="host", username="user", program="train.py", root_dir=work)
    for i, (norm, seed) in enumerate(PLAN + [("dyt", 3)]):
        run = wandb.init(project="norms", name=f"{norm}-{seed}", id=f"run{i}", group="g", config={"norm": norm, "seed": seed, "optimizer": {"lr": 1e-05}}, settings=settings)
        for step in range(3):
            run.log({"train/loss": 1.0 / (step + 1)}, commit=False)
            run.log({"val/loss": nan if i == 3 and step == 2 else loss(0.7, seed, step), "note": "x" * 30000 if step == 1 and i == 0 else ""})
        run.config.update({"late": True})
        run.summary["best"] = 0.25
        folder = run.dir
        run.finish(exit_code=1 if i == 4 else 0)
        wandb.teardown()  # which writes the last block
        name = f"run-run{i}.wandb"
        source = os.path.join(os.path.dirname(folder), name)
        target = f"{here}/wandb/offline-run-2026-{i}"
        os.makedirs(target)
        shutil.copy(source, f"{target}/{name}")
        config, curve, summary, ended = {}, [], {}, None
        for data in records(open(source, "rb").read()):
            r = wandb_internal_pb2.Record.FromString(data)
            kind = r.WhichOneof("record_type")
            if kind in ("run", "config"):
                for item in (r.run.config if kind == "run" else r.config).update:
                    config[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
            elif kind == "history":
                row = {item.key or "/".join(item.nested_key): value_of(item) for item in r.history.item}
                if "val/loss" in row:
                    curve.append([row["_step"], text(row["val/loss"])])
            elif kind == "summary":
                for item in r.summary.update:
                    summary[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
            elif kind == "exit":
                ended = r.exit.exit_code
        golden["wandb"].append({"norm": config["norm"], "seed": str(config["seed"]), "late": config["late"], "val/loss": curve[-1][1], "curve": curve,
                                "best": text(summary["best"]), "exit": ended})


for make in (mlflow_runs, optuna_runs, trackio_runs, wandb_runs):
    if len(sys.argv) == 1 or make.__name__.split("_")[0] in sys.argv[1:]:
        make()
if len(sys.argv) == 1:
    json.dump(golden, open(here + "/trackers.json", "w"), indent=1)
else:
    print(json.dumps(golden, indent=1))
shutil.rmtree(work)
