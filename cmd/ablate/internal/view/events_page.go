package view

// Page reports where the page of ablate ui is served.
type Page struct {
	URL string `json:"url" doc:"its address, with the token that lets a browser in"`
}

func (Page) kind() string { return "page" }

func (e Page) text() string { return "Open " + e.URL + "\nPress Ctrl-C to stop.\n" }
