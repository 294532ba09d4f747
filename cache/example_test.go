package cache_test

import (
	"context"
	"fmt"
	"io"
	"log"

	"ablate/cache"
	"ablate/cache/fsys"
)

// A result is stored in two steps: its bytes become blobs, then an entry names
// them under the key of the action. A lookup of the same key finds the entry.
func Example() {
	ctx := context.Background()
	store, err := cache.Open(fsys.NewMemory(), "/store")
	if err != nil {
		log.Fatal(err)
	}
	ingredients := cache.Map(map[string]cache.Value{"text": cache.String("hello"), "times": cache.Int(2)})
	key := ingredients.Key("example v1")

	found, err := store.Lookup(ctx, key)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("before:", found[0].OK)

	blob, err := putText(ctx, store, "hello hello\n")
	if err != nil {
		log.Fatal(err)
	}
	document, err := cache.WriteJSON(ctx, store, ingredients)
	if err != nil {
		log.Fatal(err)
	}
	provenance, err := cache.WriteJSON(ctx, store, "an example")
	if err != nil {
		log.Fatal(err)
	}
	entry := cache.Entry{Key: key, Artifacts: []cache.Artifact{blob}, Ingredients: document, Provenance: provenance}
	if _, err := store.Publish(ctx, entry); err != nil {
		log.Fatal(err)
	}

	if found, err = store.Lookup(ctx, key); err != nil {
		log.Fatal(err)
	}
	content, err := cache.ReadAll(ctx, store, found[0].Entry.Artifacts[0].Digest)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("after: %v %s", found[0].OK, content)
	// Output:
	// before: false
	// after: true hello hello
}

// putText stores a text as a blob and returns it as an artifact.
func putText(ctx context.Context, store cache.Store, text string) (cache.Artifact, error) {
	w, err := store.Create(ctx, "text/plain")
	if err != nil {
		return cache.Artifact{}, err
	}
	defer func() { _ = w.Abort() }() // after Commit it does nothing
	if _, err := io.WriteString(w, text); err != nil {
		return cache.Artifact{}, err
	}
	digest, size, err := w.Commit()
	return cache.Artifact{Name: "out", MediaType: "text/plain", Digest: digest, Size: size}, err
}
