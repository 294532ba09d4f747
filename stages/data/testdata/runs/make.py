"""Makes the run folders beside this file with the packages that users have, and
golden.json with what the tools' own readers say about them. See README.md.

Usage: python make.py  (in a virtual environment with the packages of README.md)
"""
import csv
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import types

import yaml

here = os.path.dirname(os.path.abspath(__file__))
os.chdir(here)
for name in ("hydra", "lightning", "mlruns", "config", "tensorboard"):
    shutil.rmtree(name, ignore_errors=True)
golden = {}


def loss(lr, seed, step):
    return round(4.0 - step * 0.1 - lr + 0.01 * seed, 6)


# Hydra: a multirun of a small program.
SCRIPT = '''
import csv, hydra
@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    if cfg.seed == 3:
        return  # a run that leaves no metrics
    with open(hydra.core.hydra_config.HydraConfig.get().runtime.output_dir + "/metrics.csv", "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["step", "val_loss"])
        for step in (1, 2):
            w.writerow([step, cfg.optimizer.lr * 10 + cfg.seed / step])
main()
'''
os.makedirs("hydra/conf/optimizer")
open("hydra/main.py", "w").write(SCRIPT)
open("hydra/conf/config.yaml", "w").write("defaults:\n  - optimizer: sgd\n  - _self_\nseed: 1\n")
open("hydra/conf/optimizer/sgd.yaml", "w").write("lr: 0.1\nnesterov: true\n")
open("hydra/conf/optimizer/adam.yaml", "w").write("lr: 1e-3\nbetas: [0.9, 0.999]\n")
subprocess.run([sys.executable, "main.py", "-m", "optimizer=sgd,adam", "seed=1,2,3", "hydra.sweep.dir=multirun"], cwd="hydra", check=True)
shutil.rmtree("hydra/conf")
os.remove("hydra/main.py")
os.remove("hydra/multirun/multirun.yaml")  # names folders of the machine
golden["hydra"] = []
from omegaconf import OmegaConf
for n in sorted(os.listdir("hydra/multirun")):
    folder = f"hydra/multirun/{n}"
    if not os.path.isdir(folder + "/.hydra"):
        continue
    cfg = OmegaConf.load(folder + "/.hydra/config.yaml")
    h = OmegaConf.load(folder + "/.hydra/hydra.yaml").hydra
    rows = list(csv.DictReader(open(folder + "/metrics.csv"))) if os.path.exists(folder + "/metrics.csv") else []
    golden["hydra"].append({"run": n, "optimizer": h.runtime.choices.optimizer, "lr": cfg.optimizer.lr, "seed": cfg.seed,
                            "val_loss": float(rows[-1]["val_loss"]) if rows else None})
    os.remove(folder + "/.hydra/hydra.yaml")  # names folders of the machine

# Lightning: the writer of lightning_fabric's CSVLogger with stand-ins for torch.
def fabric_writer():
    spec = importlib.util.find_spec("lightning_fabric")
    path = os.path.join(os.path.dirname(spec.origin), "loggers", "csv_logs.py")
    stubs = {
        "torch": {"Tensor": type("Tensor", (), {})},
        "lightning_fabric": {}, "lightning_fabric.loggers": {}, "lightning_fabric.utilities": {},
        "lightning_fabric.loggers.logger": {"Logger": object, "rank_zero_experiment": lambda f: f},
        "lightning_fabric.utilities.cloud_io": {"_is_dir": None, "get_filesystem": lambda p: __import__("fsspec").filesystem("file")},
        "lightning_fabric.utilities.logger": {"_add_prefix": None},
        "lightning_fabric.utilities.rank_zero": {"rank_zero_only": lambda f: f, "rank_zero_warn": print},
        "lightning_fabric.utilities.types": {"_PATH": str},
    }
    for name, members in stubs.items():
        module = types.ModuleType(name)
        module.__dict__.update(members)
        module.__path__ = []
        sys.modules[name] = module
    module = types.ModuleType("csv_logs")
    exec(compile(open(path).read(), path, "exec"), module.__dict__)
    for name in stubs:
        del sys.modules[name]
    return module._ExperimentWriter


Writer = fabric_writer()
golden["lightning"] = []
for version, (norm, seed) in enumerate([("rms", 1), ("rms", 2), ("dyt", 1), ("dyt", 2)]):
    folder = f"lightning/version_{version}"
    os.makedirs(folder)
    w = Writer(folder)
    for step in range(3):
        w.log_metrics({"train_loss": loss(0.1, seed, step)}, step)
    w.save()
    w.log_metrics({"val/loss": float("nan") if version == 3 else loss(0.1, seed, 2), "epoch": 0}, 2)
    w.save()
    yaml.dump({"norm": norm, "seed": seed, "model": {"width": 128, "bias": False}}, open(folder + "/hparams.yaml", "w"))  # as save_hparams_to_yaml
    rows = list(csv.DictReader(open(folder + "/metrics.csv")))
    golden["lightning"].append({"run": f"version_{version}", "norm": norm, "seed": seed, "val/loss": [r["val/loss"] for r in rows if r["val/loss"]][-1]})

# A configuration and metrics: the json module, which writes NaN.
golden["config"] = []
for norm, seed in [("rms", 1), ("rms", 2), ("dyt", 1), ("dyt", 2)]:
    folder = f"config/{norm}-{seed}"
    os.makedirs(folder)
    json.dump({"norm": norm, "seed": seed, "optimizer": {"lr": 1e-05}}, open(folder + "/config.json", "w"))
    with open(folder + "/metrics.jsonl", "w") as f:
        for step in range(3):
            value = float("nan") if norm == "dyt" and seed == 2 and step == 2 else loss(0.2, seed, step)
            print(json.dumps({"step": step, "val_loss": value, "lr": 0.1}), file=f)
    golden["config"].append({"run": f"{norm}-{seed}", "norm": norm, "seed": seed, "val_loss": repr(value)})

# MLflow's file store.
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
import mlflow
mlflow.set_tracking_uri("file:" + os.path.join(here, "mlruns"))
mlflow.set_experiment("norms")
client = mlflow.MlflowClient()
plan = [("rms", 1, "FINISHED"), ("rms", 2, "FINISHED"), ("dyt", 1, "FINISHED"), ("dyt", 2, "FINISHED"), ("dyt", 3, "FAILED"), ("dyt", 4, "RUNNING")]
experiment = client.get_experiment_by_name("norms").experiment_id
for i, (norm, seed, status) in enumerate(plan):
    run = client.create_run(experiment, run_name=f"{norm}-{seed}").info.run_id
    client.log_param(run, "norm", norm)
    client.log_param(run, "seed", seed)
    client.log_param(run, "optimizer/lr", 1e-3)
    for step in (0, 2, 1):
        client.log_metric(run, "val/loss", float("inf") if i == 3 and step == 2 else loss(0.3, seed, step), step=step)
    if status != "RUNNING":
        client.set_terminated(run, status)
deleted = client.create_run(experiment).info.run_id
client.delete_run(deleted)
golden["mlflow"] = sorted(
    ({"run": r.info.run_id, "name": r.info.run_name, "norm": r.data.params["norm"], "seed": r.data.params["seed"], "status": r.info.status,
      "val/loss": repr(next(m.value for m in client.get_metric_history(r.info.run_id, "val/loss") if m.step == 2))}
     for r in client.search_runs([experiment])), key=lambda r: r["run"])
for folder, _, files in os.walk("mlruns"):
    for name in files:
        path = os.path.join(folder, name)
        if name == "mlflow.user" or name.startswith("mlflow.source"):
            os.remove(path)
        elif name == "meta.yaml":
            text = open(path).read()
            open(path, "w").write(text.replace(here, "/home/user"))

# TensorBoard: event files of tensorboardX, with hyperparameters in some, and of
# TensorFlow's second summaries, which are tensors.
from tensorboardX import SummaryWriter
from tensorboardX.summary import hparams
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar.metadata import create_summary_metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util import tensor_util

golden["tensorboard"] = []
for norm, seed in [("rms", 1), ("rms", 2), ("dyt", 1), ("dyt", 2)]:
    folder = f"tensorboard/{norm}-{seed}"
    parameters = hparams({"norm": norm, "seed": seed, "lr": 1e-3, "bias": False}, {"val/loss": 0})
    values = [float("nan") if norm == "dyt" and seed == 2 and step == 2 else loss(0.4, seed, step) for step in range(3)]
    if norm == "rms":
        w = SummaryWriter(folder)
        for s in parameters:
            w.file_writer.add_summary(s)
        for step, value in enumerate(values):
            w.add_scalar("val/loss", value, step)
        w.add_histogram("weights", [1.0, 2.0, 3.0], 2)
        w.add_text("note", "hello", 0)
    else:
        w = EventFileWriter(folder)
        for s in parameters:
            w.add_event(Event(wall_time=1e9, summary=Summary.FromString(s.SerializeToString())))
        for step, value in enumerate(values):
            w.add_event(Event(step=step, wall_time=1e9 + step, summary=Summary(value=[Summary.Value(
                tag="val/loss", metadata=create_summary_metadata(None, None), tensor=tensor_util.make_tensor_proto(value, dtype="float32"))])))
    w.close()
    (name,) = os.listdir(folder)
    os.rename(f"{folder}/{name}", f"{folder}/events.out.tfevents.1700000000.host")
    acc = EventAccumulator(folder)
    acc.Reload()
    if "val/loss" in acc.Tags()["scalars"]:
        value = acc.Scalars("val/loss")[-1].value
    else:
        value = float(tensor_util.make_ndarray(acc.Tensors("val/loss")[-1].tensor_proto))
    import numpy
    golden["tensorboard"].append({"run": f"{norm}-{seed}", "norm": norm, "seed": seed, "val/loss": str(numpy.float32(value))})

json.dump(golden, open("golden.json", "w"), indent=1)
