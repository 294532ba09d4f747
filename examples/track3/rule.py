"""Applies the benchmark's rule to each result and prints a table."""
import csv
import math
from collections import defaultdict
from statistics import mean, stdev

losses, steps = defaultdict(list), {}
with open("trials.csv", newline="") as f:
    for row in csv.DictReader(f):
        losses[row["result"]].append(float(row["val_loss"]))
        steps[row["result"]] = int(row["steps"])

print("result,steps,runs,mean,sd,score,accepted")
for result in sorted(losses, key=steps.get):
    values = losses[result]
    n, m = len(values), mean(values)
    sd = f"{stdev(values):.5f}" if n > 1 else ""
    score = (3.28 - m) * math.sqrt(n)
    accepted = "yes" if m < 3.28 and score >= 0.004 else "no"
    print(f"{result},{steps[result]},{n},{m:.5f},{sd},{score:.5f},{accepted}")
