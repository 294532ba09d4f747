"""A student network learns what a random teacher computes. Nothing here knows ablate:
parameters are flags, and the losses are printed. torchrun starts several processes."""
import argparse, os

import torch
from torch import nn

parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
parser.add_argument("--norm", choices=["none", "layer"], default="none", help="before each activation")
parser.add_argument("--depth", type=int, default=2, help="hidden layers")
parser.add_argument("--lr", type=float, default=0.01, help="learning rate")
parser.add_argument("--steps", type=int, default=400, help="steps of SGD")
parser.add_argument("--seed", type=int, default=0, help="of the weights and the order of data")
args = parser.parse_args()

rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
if world > 1:
    torch.distributed.init_process_group("gloo")

WIDTH, BATCH = 64, 128


def network(depth, norm):
    layers = [nn.Linear(16, WIDTH)]
    for _ in range(depth - 1):
        layers += [nn.LayerNorm(WIDTH)] * (norm == "layer") + [nn.Tanh(), nn.Linear(WIDTH, WIDTH)]
    return nn.Sequential(*layers, nn.Tanh(), nn.Linear(WIDTH, 1))


torch.manual_seed(0)  # teacher and held-out data are the same for all runs
teacher = network(3, "none")
for p in teacher.parameters():
    p.data.mul_(3)
held = torch.randn(4096, 16)

torch.manual_seed(args.seed)
student = network(args.depth, args.norm)
model = nn.parallel.DistributedDataParallel(student) if world > 1 else student
draw = torch.Generator().manual_seed(args.seed)
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
for step in range(1, args.steps + 1):
    x = torch.randn(BATCH, 16, generator=draw)[rank::world]
    with torch.no_grad():
        y = teacher(x)
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if rank == 0 and (step % 50 == 0 or step == args.steps):
        with torch.no_grad():
            print("step %d val_loss=%.6f" % (step, nn.functional.mse_loss(student(held), teacher(held))), flush=True)
