package data

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/stages/internal/behaviour"
)

// Tokens follow from code that builds no graph. Its scenes make tokens of canonical
// files: the stage as a whole, with each tokenizer.

// behaviourPart is the one part: all of it decides the tokens.
const behaviourPart = "data"

// Names of subjects in keys.
const (
	ownCode    = "behaviour" // of the stage
	readerCode = "reader"    // of what reads the runs of one format
)

// Behaviours lists the subjects of this package.
func Behaviours() []behaviour.Subject {
	out := []behaviour.Subject{binarySubject(), resultsSubject()}
	for _, tokenizer := range []string{"bytes", "gpt2", "cl100k", "file"} {
		out = append(out, textSubject(tokenizer))
	}
	return append(out, readerSubjects()...)
}

// code is what the key of a data stage holds of its host code, by name of the subject.
func code(in pipeline.Inputs, subjects map[string]behaviour.Subject) (cache.Value, error) {
	out := make(map[string]cache.Value)
	for _, name := range sortedKeys(subjects) {
		host, err := behaviour.Fingerprint(in, subjects[name], behaviourPart)
		if err != nil {
			return cache.Value{}, err
		}
		if len(host.Keys()) > 0 {
			out[name] = host
		}
	}
	if len(out) == 0 {
		return cache.Value{}, nil
	}
	return cache.Map(out), nil
}

// subject is the code that makes tokens with the stage's tokenizer.
func (t *Text) subject() behaviour.Subject {
	if isTokenizerFile(t.Tokenizer) {
		return textSubject("file")
	}
	return textSubject(t.Tokenizer)
}

const canonicalSeparator = "<|endoftext|>"

// canonicalFiles hold what tokenizers and splits differ by: documents, line ends of
// all kinds, runs of white space, contractions, numbers, letters of one to four
// bytes, bytes that are no UTF-8 or end within a letter, a word longer than any
// buffer, and nothing at all.
func canonicalFiles() map[string][]byte {
	return map[string][]byte{
		"a.txt": []byte("It's we'll I'D they\u2019ve 'ſ 12 1234567 3.14 x=y+z; HTTPServer foo_bar\tbaz\r\n\r\n  \n \t  end  \n\n\n" +
			"na\u00efve \u00e9 e\u0301 \u65e5\u672c\u8a9e \U0001f600\U0001f468\u200d\U0001f469 \u0661\u0662 \u00a0\u3000 \x7f\x00\x01" +
			canonicalSeparator + "Second document." + canonicalSeparator + canonicalSeparator),
		"b.txt": []byte("broken \xff\xfe \xe2\x82 \xf0\x9f\x98 \xc0\x80 \xed\xa0\x80 tail \xe2\x82"),
		"c.txt": nil,
		"d.txt": []byte("<   the    quick brown fox\n\n" + strings.Repeat("pneumono\u00fcltra", 6000) + " jumps over" + canonicalSeparator),
		"e.txt": []byte("No end of line"),
	}
}

// textSubject is the code of data "text" with one tokenizer.
func textSubject(tokenizer string) behaviour.Subject {
	s := behaviour.Subject{Name: "data.text:" + tokenizer, Parts: []string{behaviourPart}}
	add := func(name, separator string, size int, special bool) {
		spec := Text{Tokenizer: tokenizer, Special: special, Separator: separator, Size: size, Source: []string{"e.txt", "c.txt", "a.txt", "b.txt", "d.txt"}}
		if tokenizer == "file" {
			spec.Tokenizer, spec.Size = canonicalTokenizer, max(size, 262)
		}
		s.Scenes = append(s.Scenes, behaviour.Scene{Name: name, Play: spec.play})
	}
	add("plain", "", 0, false)
	add("separated", canonicalSeparator, 0, false)
	if tokenizer == "bytes" || tokenizer == "file" {
		add("two-bytes", "", 300, false)
		add("four-bytes", "", 70000, false)
	}
	if tokenizer != "bytes" {
		add("special-tokens", "", 0, true)
		spec := Text{Tokenizer: tokenizer, Size: 262}
		if tokenizer == "file" {
			spec.Tokenizer = canonicalTokenizer
		}
		s.Scenes = append(s.Scenes, behaviour.Scene{Name: "short-documents", Play: spec.sweep})
	}
	return s
}

// canonicalTokenizer is a byte-level tokenizer.json with a few merges.
const canonicalTokenizer = "canonical/tokenizer.json"

func canonicalTokenizerFile() []byte {
	vocab := make(map[string]int)
	for b, letter := range byteLetters() {
		vocab[letter] = b
	}
	for i, s := range []string{"he", "ll", "hell", "Ġw", "hello"} {
		vocab[s] = 256 + i
	}
	raw, err := json.Marshal(map[string]any{
		"pre_tokenizer": map[string]any{"type": "ByteLevel", "add_prefix_space": false},
		"model":         map[string]any{"type": "BPE", "vocab": vocab, "merges": []any{"h e", "l l", []string{"he", "ll"}, "Ġ w", "hell o"}},
		"added_tokens":  []any{map[string]any{"id": 261, "content": canonicalSeparator}},
	})
	if err != nil {
		panic(err) // maps of numbers and texts marshal
	}
	return raw
}

func newLab() *behaviour.Lab {
	files := canonicalFiles()
	files[canonicalTokenizer] = canonicalTokenizerFile()
	return behaviour.NewLab(files)
}

// play runs the stage, in the plainest scenes with shares that leave none, three
// quarters and one quarter of a token over, which validation does not get.
func (t *Text) play(w *behaviour.Witness) error {
	total, over := int64(0), []float64{0, 0.75, 0.25}
	if t.Separator != "" || t.Special {
		over = over[:1]
	}
	for _, beyond := range over {
		spec := *t
		spec.Split = &Split{Validation: 0.05}
		if beyond > 0 {
			spec.Split.Validation = (7 + beyond) / float64(total)
		}
		done, err := newLab().Run(pipeline.Inputs{}, spec.Run)
		if err != nil {
			return err
		}
		noteOutputs(w, done)
		var s summary
		if err := json.Unmarshal(done.Outputs[meta], &s); err != nil {
			return err
		}
		total = s.TrainTokens + s.ValidationTokens
	}
	return nil
}

func noteOutputs(w *behaviour.Witness, done behaviour.Done) {
	for _, name := range slices.Sorted(maps.Keys(done.Outputs)) {
		w.Note(behaviourPart, "%s %x", name, done.Outputs[name])
	}
}

// sweep encodes every document of up to three of a few letters, whole and in two
// pieces.
func (t *Text) sweep(w *behaviour.Witness) error {
	letters := []string{" ", "\n", "\r", "a", "'", "s", "1", ".", "\u00e9", "\xff", "\xe2", "T"}
	_, err := newLab().Run(pipeline.Inputs{}, func(_ context.Context, env *pipeline.Env) error {
		e, _, err := t.encoder(env.Inputs.Sources)
		if err != nil {
			return err
		}
		documents := []string{""}
		for from, n := 0, 0; n < 3; n++ {
			upto := len(documents)
			for _, d := range documents[from:upto] {
				for _, l := range letters {
					documents = append(documents, d+l)
				}
			}
			from = upto
		}
		for _, d := range documents {
			for cut := range len(d) + 1 {
				ids, err := e.encode(nil, []byte(d[:cut]), false)
				if err == nil {
					ids, err = e.encode(ids, []byte(d[cut:]), true)
				}
				if err != nil {
					return err
				}
				w.Note(behaviourPart, "%v", ids)
			}
		}
		return nil
	})
	return err
}

// binarySubject is the code of data "tokens", from and to each width.
func binarySubject() behaviour.Subject {
	s := behaviour.Subject{Name: "data.tokens", Parts: []string{behaviourPart}}
	for dtype, width := range map[string]int{"uint8": 1, "uint16": 2, "uint32": 4} {
		s.Scenes = append(s.Scenes, behaviour.Scene{Name: dtype, Play: func(w *behaviour.Witness) error {
			var a, b []byte
			for i := range 41 {
				a = append(a, binary.LittleEndian.AppendUint32(nil, uint32(i*6))[:width]...)
				b = append(b, binary.LittleEndian.AppendUint32(nil, uint32(255-i))[:width]...)
			}
			for _, vocabulary := range []int{256, 257, 65537} {
				for _, share := range []float64{7 / 82., 7.25 / 82, 7.75 / 82} {
					spec := Binary{Source: []string{"b.bin", "a.bin"}, DType: dtype, Size: vocabulary, Split: &Split{Validation: share}}
					done, err := behaviour.NewLab(map[string][]byte{"a.bin": a, "b.bin": b}).Run(pipeline.Inputs{}, spec.Run)
					if err != nil {
						return err
					}
					noteOutputs(w, done)
				}
			}
			return nil
		}})
	}
	return s
}

// resultsSubject is the code of data "results".
func resultsSubject() behaviour.Subject {
	files := map[string][]byte{
		"a.csv":   []byte("optimizer,norm,seed,val_loss,time\nadamw,rms,1,3.25,5\n\"mu,on\",dyt,2,NaN,6\nadamw,dyt,1,inf,7\nadamw, dyt ,02,-1e-3,8\n"),
		"h.csv":   []byte("norm,seed,step,val_loss\nrms,1,1,3\nrms,1,2,2.5\ndyt,1,1,4\ndyt,1,2,\ndyt,1,3,nan\n"),
		"l.csv":   []byte("norm,seed,step,name,value\nrms,1,1,val_loss,3\nrms,1,1,time,9\nrms,1,2,val_loss,2.5\n"),
		"b.jsonl": []byte("{\"optimizer\":\"muon\",\"norm\":0.5,\"seed\":3,\"val_loss\":2.5}\n{\"optimizer\":\"muon\",\"norm\":true,\"seed\":4,\"val_loss\":\"-Infinity\"}\n"),
	}
	play := func(spec Results) func(w *behaviour.Witness) error {
		return func(w *behaviour.Witness) error {
			done, err := behaviour.NewLab(files).Run(pipeline.Inputs{}, spec.Run)
			if err != nil {
				w.Note(behaviourPart, "refused: %v", err != nil)
			}
			noteOutputs(w, done)
			return nil
		}
	}
	return behaviour.Subject{Name: "data.results", Parts: []string{behaviourPart}, Scenes: []behaviour.Scene{
		{Name: "replicates", Play: play(Results{Source: []string{"a.csv", "b.jsonl"}, Factors: []string{"norm", "optimizer"}, Replicate: "seed", Responses: []string{"val_loss"}})},
		{Name: "rows", Play: play(Results{Source: []string{"a.csv"}, Factors: []string{"norm"}, Responses: []string{"loss", "time"}, Columns: map[string]string{"loss": "val_loss"}})},
		{Name: "history", Play: play(Results{Source: []string{"h.csv"}, Factors: []string{"norm"}, Replicate: "seed", Responses: []string{"val_loss"}, Step: "step", Curves: true})},
		{Name: "long-history", Play: play(Results{Source: []string{"l.csv"}, Factors: []string{"norm"}, Replicate: "seed", Responses: []string{"val_loss"}, Step: "step", Curves: true})},
		{Name: "numbers", Play: func(w *behaviour.Witness) error {
			for _, text := range []string{"1", "1.50", "+2", "1e3", "nan", "NaN", "-inf", "Infinity", "", " 3 ", "0x10", "1_000"} {
				lab := behaviour.NewLab(map[string][]byte{"n.csv": fmt.Appendf(nil, "norm,val_loss\na,%q\n", text)})
				done, err := lab.Run(pipeline.Inputs{}, (&Results{Source: []string{"n.csv"}, Factors: []string{"norm"}, Responses: []string{"val_loss"}}).Run)
				w.Note(behaviourPart, "%q refused: %t", text, err != nil)
				noteOutputs(w, done)
			}
			return nil
		}},
	}}
}
