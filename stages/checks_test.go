package stages_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ablate/hcl"
	"ablate/pipeline/graph"
	"ablate/stages"
)

// trained is a study with trials, to which cases add analyses.
const trained = `
data "text" "corpus" {
  source = ["corpus.txt"]
}

model "llama" "tiny" {
  layers = 1
  width  = 16
  heads  = 2
}

norm "rmsnorm" "base" {
  label = "RMS"
}

norm "derf" "alpha" {
  for_each = [0.3, 0.5]
  alpha    = each.value
}

optimizer "adamw" "a" {
  for_each      = [0.01, 0.02]
  learning_rate = each.value
}

train "lm" "main" {
  matrix {
    norm      = [norm.rmsnorm.base, norm.derf.alpha]
    optimizer = optimizer.adamw.a
    seed      = [1, 2]
  }

  exclude {
    when = matrix.norm == norm.derf.alpha["0.5"] && matrix.optimizer.learning_rate > 0.01
  }

  data  = data.text.corpus
  model = model.llama.tiny
  steps = 10

  batch {
    sequences = 2
    length    = 16
  }

  evaluate {
    every   = 5
    batches = 2
  }

  probe {
    every = 5
  }
}
`

// wide is a study of many combinations of levels.
const wide = `
train "command" "wide" {
  matrix {
    a = range(11)
    b = range(100)
  }
  argv = ["true", matrix.a, matrix.b]
}
`

// uneven is a study of trials that are evaluated at other steps each.
const uneven = `
train "lm" "uneven" {
  matrix {
    norm = [norm.rmsnorm.base, norm.derf.alpha["0.3"]]
  }

  override {
    when  = matrix.norm != norm.rmsnorm.base
    steps = 6
    evaluate {
      every = 4
    }
  }

  data      = data.text.corpus
  model     = model.llama.tiny
  optimizer = optimizer.adamw.a["0.01"]
  steps     = 10

  batch {
    sequences = 2
    length    = 16
  }

  evaluate {
    every = 5
  }
}
`

// checked returns what validate says of a study, a line each; "" for nothing.
func checked(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	kinds := stages.All()
	study, list := hcl.Load(hcl.Options{Dir: dir, Kinds: graph.LanguageKinds(kinds)})
	if !list.HasErrors() {
		_, wrong := graph.Build(study, kinds)
		list = append(list, wrong...)
	}
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintf(&b, "%d: %s: %s\n", d.Range.Start.Line, d.Summary, d.Detail)
	}
	return b.String()
}

// Counts have upper limits, so that a slip of some zeros exhausts no machine.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ was, is, want string }{
		{"batches = 2", "batches = 1000000000000", "batches must be at most 1048576, not 1000000000000"},
		{`source = ["corpus.txt"]`, "source = [\"corpus.txt\"]\nvocabulary = 1000000000", "vocabulary must be at most 16777216, not 1000000000"},
	} {
		if got := checked(t, strings.Replace(trained, tt.was, tt.is, 1)); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.is, got, tt.want)
		}
	}
}

// Settings that never take effect in a trial cause a warning.
func TestSettingsWithoutEffect(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ was, is, want string }{
		{"norm \"rmsnorm\" \"base\" {", "norm \"tapernorm\" \"base\" {\nwarmup = 50\ntaper = 5\ndecay = 0.9", "The warmup of norm.tapernorm.base takes 50 steps and the run 10, so it never tapers."},
		{"learning_rate = each.value", "learning_rate = each.value\nlearning_rates {\nhead = 0.1\n}", "has a learning rate for the head, and the head of model.llama.tiny is its embedding"},
		{"optimizer \"adamw\" \"a\" {", "optimizer \"muon\" \"a\" {\nadamw {\nlearning_rates {\nmatrix = 0.1\nhead = 0.1\n}\n}",
			"has a learning rate of AdamW for the role matrix, whose parameters another rule updates."},
		{"optimizer \"adamw\" \"a\" {", "optimizer \"muon\" \"a\" {\nadamw {\nlearning_rates {\nmatrix = 0.1\nhead = 0.1\n}\n}",
			"has a learning rate for the head, and the head of model.llama.tiny is its embedding"},
		{"steps = 10", "steps = 10\noptimizer = optimizer.ademamix.a", "The warmup of optimizer.ademamix.a takes 50 steps and the run 10"},
	} {
		text := strings.Replace(trained, tt.was, tt.is, 1)
		if strings.Contains(tt.is, "ademamix") {
			text = strings.Replace(text, "    optimizer = optimizer.adamw.a\n", "", 1)
			text = text[:strings.Index(text, "  exclude {")] + text[strings.Index(text, "  data  = "):] + "optimizer \"ademamix\" \"a\" {\nwarmup = 50\n}\n"
		}
		if strings.Contains(tt.is, "muon") {
			text = strings.ReplaceAll(text, "optimizer.adamw", "optimizer.muon")
		}
		text = strings.ReplaceAll(text, "norm.rmsnorm.base", strings.Replace("norm.rmsnorm.base", "rmsnorm", map[bool]string{true: "tapernorm", false: "rmsnorm"}[strings.Contains(tt.is, "taper")], 1))
		if got := checked(t, text); !strings.Contains(got, "Setting without effect: ") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.is, got, tt.want)
		}
	}
}

// A mistake in a formula is one message, with a step that helps.
func TestFormulaMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ y, want string }{
		{`each.value == "silu" ? x : 2 * x`, "4: Not a formula: A formula computes with numbers and has no text to compare. Let a number or a bool decide here, or give each text a block with a formula of its own.\n"},
		{`x-mean(x)`, "4: Unknown function: A norm has no function x-mean. A dash is part of a name. For a difference, put spaces around the minus: x - mean.\n"},
		{`1 / (x-2)`, "4: Unknown name: Nothing in a norm is called x-2. A dash is part of a name. For a difference, put spaces around the minus: x - 2.\n"},
	} {
		got := checked(t, "norm \"formula\" \"a\" {\nfor_each = [\"silu\"]\n\ny = "+tt.y+"\n}\n")
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.y, got, tt.want)
		}
	}
}

// Rule "rest" fails where it computes what only matrices have, and the message says that it
// updates vectors and scalars, too.
func TestRuleOfTheRest(t *testing.T) {
	t.Parallel()
	got := checked(t, "optimizer \"formula\" \"a\" {\nrule \"rest\" {\nvalue = value - learning_rate * newton_schulz(gradient, 5)\n}\n}\n")
	if !strings.Contains(got, "takes a matrix, and gradient is one value for each column. Rule \"rest\" updates vectors and scalars, too") {
		t.Error(got)
	}
}

// Where a norm is wrong, mistakes in the analysis of its trials are still found.
func TestMistakesOfAnalysesBesideOthers(t *testing.T) {
	t.Parallel()
	got := checked(t, strings.Replace(trained, "alpha    = each.value", "alpha = 0 * each.value", 1)+
		"analysis \"factorial\" \"x\" {\ntrials = train.lm.main\nbaseline = { nrm = 1 }\n}\nanalysis \"mechanism\" \"m\" {\ntrials = train.lm.main\n}\n")
	if !strings.Contains(got, "alpha must be above 0") || !strings.Contains(got, "no factor \"nrm\"") || strings.Contains(got, "recorded") {
		t.Errorf("%s, want the mistakes of the norm and of the factorial", got)
	}
}

// only is a block that selects one level.
func only(factor, level string) string {
	return fmt.Sprintf("only {\nfactor = %q\nlevels = [%q]\n}\n", factor, level)
}

// Mistakes in analyses are found before anything runs. Each case has the body of an
// analysis of the study above, and a part of what is said; "" means that nothing is.
func TestAnalysisMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, kind, body, want string }{
		{"no trials, factorial", "factorial", `trials = []`, "trials is empty"},
		{"no trials, recovery", "recovery", "trials = []\nfactor = \"norm\"\nlost = 1\nbaseline = 2", "trials is empty"},
		{"no trials, dose", "dose", "trials = []\nfactor = \"norm\"", "trials is empty"},
		{"no trials, trajectory", "trajectory", "trials = []\nfactor = \"norm\"\nbaseline = 1", "trials is empty"},
		{"no trials, mechanism", "mechanism", `trials = []`, "trials is empty"},
		{"no trials, table", "table", `trials = []`, "trials is empty"},
		{"no trials, command", "command", "trials = []\ncommand = [\"true\"]", "trials is empty"},
		{"only leaves nothing", "factorial", only("norm", "RMS") + only("norm", "derf.alpha:0.3"), "the only blocks together leave no trial"},
		{"only leaves nothing, with levels of it", "factorial", only("norm", "derf.alpha:0.5") + only("optimizer", "adamw.a:0.02") + "baseline = { norm = norm.rmsnorm.base }", "the only blocks together leave no trial"},
		{"only leaves nothing to resample", "factorial", only("norm", "RMS") + only("norm", "derf.alpha:0.3") + "bootstrap {}", "the only blocks together leave no trial"},
		{"only leaves something", "factorial", only("norm", "derf.alpha:0.5") + only("optimizer", "adamw.a:0.01"), ""},
		{"too many resamples", "factorial", "bootstrap {\nresamples = 1000000000000\n}", "resamples must be between 1000 and 100000, not 1000000000000"},
		{"too many combinations", "factorial", "trials = train.command.wide", "The levels of a (11), b (100) have at least 1100 combinations, and a factorial analyses at most 1024. Select levels with blocks only"},
		{"fewer combinations", "factorial", "trials = train.command.wide\n" + only("a", "3"), ""},
		{"few combinations of settings that are tuned", "factorial", "trials = train.command.wide\ntune = [\"b\"]", ""},
		{"weights at the site of a norm", "mechanism", `quantity = "spectral"`, `No trial records spectral at "ffn". It is recorded at attention.k, attention.o`},
		{"weights of a matrix", "mechanism", "quantity = \"frobenius\"\nsite = \"ffn.down\"", ""},
		{"queries without a norm", "mechanism", "quantity = \"input_rms\"\nsite = \"q\"", `No trial records input_rms at "q". It is recorded at attention, ffn.`},
		{"outputs without a norm", "mechanism", "quantity = \"input_rms\"\nsite = \"ffn_output\"", `No trial records input_rms at "ffn_output"`},
		{"what no norm records", "mechanism", "trials = train.lm.main[\"norm=rmsnorm.base,optimizer=adamw.a:0.01,seed=1\"]", "No trial records saturated. At \"ffn\" trials record input_rms, input_std, output_variance."},
		{"what some norm records", "mechanism", "quantity = \"alpha_gradient\"\nsite = \"attention\"", ""},
		{"a lost level that where leaves out", "recovery", "factor = \"norm\"\nlost = norm.derf.alpha[\"0.5\"]\nbaseline = norm.rmsnorm.base\nwhere = { optimizer = optimizer.adamw.a[\"0.02\"] }", "No trial has norm = derf.alpha:0.5 at these levels of the other factors. There is RMS, derf.alpha:0.3."},
		{"a baseline that where leaves out", "trajectory", "factor = \"norm\"\nbaseline = norm.derf.alpha[\"0.5\"]\nwhere = { optimizer = optimizer.adamw.a[\"0.02\"] }", "No trial has norm = derf.alpha:0.5 at these levels"},
		{"a baseline at where", "trajectory", "factor = \"norm\"\nbaseline = norm.derf.alpha[\"0.5\"]\nwhere = { optimizer = optimizer.adamw.a[\"0.01\"] }", ""},
		{"no common step", "trajectory", "trials = train.lm.uneven\nfactor = \"norm\"\nbaseline = norm.rmsnorm.base", "There is no step at which all trials have val_loss: train.lm.uneven[\"norm=derf.alpha:0.3\"] has it every 4 steps and at step 6, and train.lm.uneven[\"norm=rmsnorm.base\"] every 5 steps and at step 10."},
		{"all levels of a type", "factorial", only("norm", "derf.*") + "baseline = { norm = norm.derf.alpha[\"0.3\"] }", ""},
		{"what is not of a type", "factorial", only("norm", "derf.*") + "baseline = { norm = \"RMS\" }", "No trial has norm = RMS. There is derf.alpha:0.3, derf.alpha:0.5."},
		{"all levels of a stage", "factorial", only("norm", "alpha") + "baseline = { norm = \"alpha:0.5\" }", ""},
		{"an address without quotes", "factorial", only("norm", "norm.derf.alpha[0.3]"), ""},
		{"a level of several", "factorial", "baseline = { norm = \"derf.*\" }", "norm = derf.* means both derf.alpha:0.3 and derf.alpha:0.5"},
		{"a step in quotes", "factorial", "at = \"5\"", "write at = 5 without quotes"},
		{"a name of two lines", "factorial", "contrast {\nname = \"a\\nb\"\nof = { norm = \"RMS\" }\nconstant = 3\n}", "The name of a contrast is one line of text, but \"a\\nb\" contains a control character"},
		{"a difference minus itself", "factorial", "contrast {\nname = \"c\"\nof = { norm = \"RMS\" }\nagainst = { norm = \"derf.alpha:0.3\" }\nminus {\nof = { norm = \"RMS\" }\nagainst = { norm = \"derf.alpha:0.3\" }\n}\n}", "\"c\" subtracts a difference from itself"},
		{"too few replicates to resample", "factorial", "bootstrap {}", "has 2 replicates. A bootstrap needs 5: with fewer its intervals are much too narrow. Remove the block"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(tt.body, "trials = ") {
				tt.body = "trials = train.lm.main\n" + tt.body
			}
			got := checked(t, fmt.Sprintf("%s\nanalysis %q \"x\" {\n%s\n}\n", trained+wide+uneven, tt.kind, tt.body))
			if !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("%s\n= %s, want %q", tt.body, got, tt.want)
			}
		})
	}
}

// Two names of a table of finished runs read two columns.
func TestColumnsReadOnce(t *testing.T) {
	t.Parallel()
	got := checked(t, `
data "results" "r" {
  source    = ["r.csv"]
  factors   = ["a", "b"]
  responses = ["loss"]
  columns   = { b = "loss" }
}
`)
	if !strings.Contains(got, `"b" and "loss" both read the column "loss"`) {
		t.Errorf("%q, want the column that is read twice", got)
	}
}
