package main

// mutations are changes that decide bytes. Each must change a part of keys, or fail
// its test.
var mutations = []change{
	// Streams and batches.
	{name: "stream order", file: run, old: `ml.NewStream(seed, "order", replicate)`, new: `ml.NewStream(seed, "orders", replicate)`},
	{name: "stream dropout", file: run, old: `ml.NewStream(seed, "dropout", replicate)`, new: `ml.NewStream(seed, "drop", replicate)`},
	{name: "stream evaluation", file: run, old: `ml.NewStream(seed, "evaluation")`, new: `ml.NewStream(seed, "evaluate")`},
	{name: "stream init", file: run, old: `ml.NewStream(seed, "init", replicate)`, new: `ml.NewStream(seed, "start", replicate)`},
	{name: "order without the replicate", file: run, old: `ml.NewStream(seed, "order", replicate)`, new: `ml.NewStream(seed, "order")`},
	{name: "evaluation draws by replicate", file: run, old: `ml.NewStream(seed, "evaluation")`, new: `ml.NewStream(seed, "evaluation", replicate)`},
	{name: "tokens of one byte lose a bit", file: batches, old: `int32(c.raw[at])`, new: `int32(c.raw[at] & 0x7f)`},
	{name: "tokens of two bytes are big-endian", file: batches, old: `binary.LittleEndian.Uint16(`, new: `binary.BigEndian.Uint16(`},
	{name: "tokens of four bytes lose their highest", file: batches, old: `int32(binary.LittleEndian.Uint32(c.raw[at:]))`, new: `int32(binary.LittleEndian.Uint32(c.raw[at:]) & 0xffffff)`},
	{name: "an epoch has a window more", file: batches, old: `(tokens-1-(length-1))/length`, new: `(tokens-(length-1))/length`},
	{name: "an epoch moves less far", file: batches, old: `% uint64(shifts)`, new: `% uint64(max(1, shifts-1))`},
	{name: "every epoch has the order of the first", file: batches, old: `order.Sub(epochName(epoch))`, new: `order.Sub(epochName(0 * epoch))`},
	{name: "the counter of sequences is short", file: batches, old: `q := n*count + j`, new: `q := int(uint16(n*count + j))`},
	{name: "evaluation has an overlap", file: batches, old: `uint64(total))) * b.Length`, new: `uint64(total))) * (b.Length - 1)`},
	{name: "evaluation takes a batch less", file: batches, old: `min(n, total/b.Sequences)`, new: `min(n, total/b.Sequences-1)`},
	{name: "a permutation has a round less", file: "stages/internal/ml/stream.go", old: `range uint64(4)`, new: `range uint64(3)`},
	{name: "normals of one sign", file: "stages/internal/ml/stream.go", old: `if angle < 0 {`, new: `if angle > 4 {`},
	{name: "constants start at one", file: run, old: `float32(p.Init.Value)`, new: `1`},

	// The clock and what is written down.
	{name: "the multiplier is a step late", file: step, old: `l.spec.Schedule.at(first+i, l.spec.Steps)`, new: `l.spec.Schedule.at(max(first+i-1, 0), l.spec.Steps)`},
	{name: "the same noise at every step", file: step, old: `step*len(words) + i`, new: `i`},
	{name: "evaluation skips its first batch", file: step, old: `for _, batch := range l.checks {`, new: `for _, batch := range l.checks[1:] {`},
	{name: "evaluation divides by n + 1", file: step, old: `float64(len(l.checks))`, new: `float64(len(l.checks)+1)`},
	{name: "a loss at the limit diverges", file: step, old: `loss > t.Diverge`, new: `loss >= t.Diverge`},
	{name: "an infinite loss goes on", file: step, old: `math.IsNaN(loss) || math.IsInf(loss, 0) ||`, new: `math.IsNaN(loss) ||`},
	{name: "an infinite gradient goes on", file: step, old: `math.IsNaN(norm) || math.IsInf(norm, 0)`, new: `math.IsNaN(norm)`},
	{name: "a reading that is infinite has a row", file: step, old: `!math.IsNaN(v) && !math.IsInf(v, 0)`, new: `!math.IsNaN(v)`},
	{name: "probes have six digits", file: "stages/train/probe.go", old: `'g', -1, 32)`, new: `'g', 6, 32)`},
	{name: "probes look at the second batch", file: step, old: `l.machine.probe(l.checks[0])`, new: `l.machine.probe(l.checks[len(l.checks)-1])`},
	{name: "evaluation tokens count the predicted and one", file: run, old: `l.spec.Batch.Sequences * l.spec.Batch.Length)`, new: `l.spec.Batch.Sequences * (l.spec.Batch.Length + 1))`},
	{name: "a state forgets its last rows", file: save, old: `for step := n.Parent + 1; step <= l.at; step++ {`, new: `for step := n.Parent + 1; step < l.at; step++ {`},
	{name: "moments are saved as parameters", file: "stages/train/machine.go", old: `return all[:np], all[np:], nil`, new: `return all[:np], all[:np], nil`},
	{name: "cached rows are believed", file: "stages/train/outcome.go", old: `step <= upto.step && j.spec.Diverge > 0`, new: `step < upto.step && j.spec.Diverge < 0`},
	{name: "tensors are padded to 16 bytes", file: "stages/internal/ml/safetensors.go", old: `(8-len(raw)%8)%8`, new: `(16-len(raw)%16)%16`},

	// Graphs.
	{name: "tanh is erf", file: "stages/norm/dyt.go", old: `return Tanh(u)`, new: `return Erf(u)`},
	{name: "epsilon outside of the root", file: "stages/norm/rmsnorm.go", old: `Div(x, Sqrt(AddScalar(square, eps)))`, new: `Div(x, AddScalar(Sqrt(square), eps))`},
	{name: "the running deviation has another floor", file: "stages/norm/bounded.go", old: `const minSigma = 1e-6`, new: `const minSigma = 1e-5`},
	{name: "vectors decay", file: "stages/optimizer/optimizer.go", old: `len(p.Shape) < 2 || decay == 0`, new: `len(p.Shape) < 1 || decay == 0`},
	{name: "averages are not corrected", file: "stages/optimizer/adamw.go", old: `Mul(m2, single(Reciprocal(at.correction(a.Beta2))))`, new: `m2`},
	{name: "clipping has another epsilon", file: "stages/train/programs.go", old: `AddScalar(size, 1e-6)`, new: `AddScalar(size, 1e-5)`},
	{name: "positions turn the other way", file: "stages/model/rope.go", old: `Sub(Mul(a, cos), Mul(z, sin))`, new: `Add(Mul(a, cos), Mul(z, sin))`},
	{name: "a reading has another name", file: "stages/train/probe.go", old: `take(site, "saturated",`, new: `take(site, "saturation",`},
	{name: "bf16 is accumulated in fp32 factors", file: "stages/internal/ml/vars.go", old: `graph.Dot(v.Rounded(a), v.Rounded(b)).WithAccumulatorDType(dtypes.InvalidDType)`, new: `graph.Dot(v.Rounded(a), v.Rounded(b))`},
	{name: "warmup starts at zero", file: "stages/train/schedule.go", old: `float64(t+1) / float64(f.warmup)`, new: `float64(t) / float64(f.warmup)`},

	// Data.
	{name: "the split rounds", file: "stages/data/split.go", old: `int64(float64(total) * s.Validation)`, new: `int64(float64(total)*s.Validation + 0.5)`},
	{name: "files are joined by a space", file: "stages/data/text.go", old: `const separator = '\n'`, new: `const separator = ' '`},
	{name: "sevens are no numbers", file: "stages/data/pretoken.go", old: `case unicode.IsNumber(r):`, new: `case unicode.IsNumber(r) && r != '7':`},
	{name: "whole words are not merged", file: "stages/data/bpe.go", old: `if m.parts[at].rank == rank {`, new: `if m.parts[at].rank == rank && rank > 0 {`},
	{name: "crashed runs of W&B are finished", file: "stages/data/wandb.go", old: `status = wandbFinished; code != 0`, new: `status = wandbFinished; code < 0`},
	{name: "failed runs of MLflow are finished", file: "stages/data/mlflow.go", old: `"4": "FAILED"`, new: `"4": "FINISHED"`},
	{name: "of two steps that do not end the later one diverged", file: "stages/internal/program/metrics.go", old: `!ok || r.step < step`, new: `!ok || r.step > step`},
	{name: "of equal rows the first counts", file: "stages/internal/program/metrics.go", old: `kept[i].value = r.value`, new: `_ = i`},

	// Statistics.
	{name: "mechanism divides by n + 1", file: "stages/analysis/mechanism.go", old: `out[k].Value /= float64(out[k].N)`, new: `out[k].Value /= float64(out[k].N + 1)`},
	{name: "Holm counts one less", file: family, old: `float64(len(order)-rank)*p[i]`, new: `float64(len(order)-rank-1)*p[i]`},
	{name: "the bootstrap has another seed", file: "stages/analysis/internal/estimate/bootstrap.go", old: `rand.NewPCG(0x61626c617465, 1)`, new: `rand.NewPCG(0x61626c617465, 2)`},
	{name: "bootstrap quantiles are not interpolated", file: "stages/analysis/internal/estimate/bootstrap.go", old: `(x-float64(i))*`, new: `0*`},
	{name: "Fieller has a degree of freedom more", file: "stages/analysis/internal/estimate/ratio.go", old: `Nu: float64(out.N - 1)}`, new: `Nu: float64(out.N)}`},
	{name: "the slope has a degree of freedom less", file: "stages/analysis/internal/estimate/ratio.go", old: `math.Sqrt(rss/df/sxx)`, new: `math.Sqrt(rss/(df-1)/sxx)`},
	{name: "the band ignores the number of looks", file: "stages/analysis/internal/estimate/step.go", old: `e.cautious().Interval(1 - (1-s.model.confidence)/float64(s.looks))`, new: `e.cautious().Interval(s.model.confidence)`},
}

const (
	run     = "stages/train/run.go"
	batches = "stages/train/batches.go"
	loop    = "stages/train/loop.go"
	step    = "stages/train/step.go"
	save    = "stages/train/save.go"
	family  = "stages/analysis/internal/estimate/family.go"
)

// refactorings change no byte. None may change a key, and each passes the tests of
// the code that it touches.
var refactorings = []change{
	{name: "a comment", file: "stages/norm/dyt.go", old: "// Apply implements Norm.", new: "// Apply implements Norm. It squashes."},
	{name: "a renamed parameter", file: "stages/norm/dyt.go", old: "func(u *Node) *Node {\n\t\tvars.Tap(prefix+Argument, u)\n\t\treturn Tanh(u)", new: "func(z *Node) *Node {\n\t\tvars.Tap(prefix+Argument, z)\n\t\treturn Tanh(z)"},
	{name: "commuted factors", file: "stages/norm/rmsnorm.go", old: `Mul(row(vars.At(prefix+".gamma"), x), rescale(x, n.Eps))`, new: `Mul(rescale(x, n.Eps), row(vars.At(prefix+".gamma"), x))`, test: "./stages/norm ."},
	{name: "commuted summands", file: "stages/model/placement.go", old: `return Add(x_ND, y_ND)`, new: `return Add(y_ND, x_ND)`},
	{name: "a dead node", file: "stages/norm/derf.go", old: `return Erf(u)`, new: "_ = Tanh(u)\n\t\treturn Erf(u)"},
	{name: "parameters declared in another order", file: "stages/norm/bounded.go", old: "out := []ml.Param{gain(prefix, width)}\n\tif b.bias {\n\t\tout = append(out, bias(prefix, width))\n\t}", new: "var out []ml.Param\n\tif b.bias {\n\t\tout = append(out, bias(prefix, width))\n\t}\n\tout = append(out, gain(prefix, width))"},
	{name: "an extracted helper", file: step, old: "words[i] = uint32(l.dropout.Uint64(uint64(step*len(words) + i)))", new: "words[i] = func(at int) uint32 { return uint32(l.dropout.Uint64(uint64(at))) }(step*len(words) + i)"},
	{name: "a renamed local", file: step, old: "mean := sum / float64(len(l.checks))", new: "average := sum / float64(len(l.checks))\n\tmean := average"},
	{name: "an assignment in full", file: step, old: "sum += loss", new: "sum = loss + sum"},
	{name: "another message in the log", file: loop, old: `l.env.Log.Warn("diverged", "step", d.step, d.name, d.value)`, new: `l.env.Log.Warn("the trial diverged", "step", d.step, d.name, d.value)`},
	{name: "a switch as conditions", file: batches, old: "switch c.width {\n\t\tcase 1:\n\t\t\tdst[i] = int32(c.raw[at])\n\t\tcase 2:", new: "switch {\n\t\tcase c.width == 1:\n\t\t\tdst[i] = int32(c.raw[at])\n\t\tcase c.width == 2:", test: "./stages/train TestOrderGoldens"},
	{name: "a division in two statements", file: batches, old: "epoch, i := q/perEpoch, q%perEpoch", new: "epoch := q / perEpoch\n\t\ti := q - epoch*perEpoch"},
	{name: "reordered declarations", file: "stages/train/feed.go", old: "// wait returns", new: "const unusedByNobody = 0\n\n// wait returns"},
	{name: "a loop counted by hand", file: "stages/analysis/internal/estimate/bootstrap.go", old: "for j := range x {", new: "for j := 0; j < len(x); j++ {"},
	{name: "a maximum as a condition", file: family, old: "highest = max(highest, min(1, float64(len(order)-rank)*p[i]))", new: "if v := min(1, float64(len(order)-rank)*p[i]); v > highest {\n\t\t\thighest = v\n\t\t}", test: "./stages/analysis TestHolm"},
	{name: "a field documented otherwise", file: "stages/train/lm.go", old: `doc:"Optimizer steps."`, new: `doc:"The number of optimizer steps."`},
}
