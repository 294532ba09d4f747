package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"ablate/cache/remote"
	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline/action"
)

func cacheServeCommand(s *session) *cobra.Command {
	var r cacheServeRequest
	c := &cobra.Command{
		Use: "serve", Short: "Serve the store to other machines, in Bazel's HTTP cache protocol",
		Long: "serve makes this machine's store a remote for others, at /ac and /cas. If ABLATE_REMOTE_TOKEN is\n" +
			"set, clients must send it as a bearer token; otherwise serve accepts only a loopback address. On\n" +
			"a network that you do not trust, serve over TLS with --tls-cert and --tls-key.\n\n" +
			"serve limits what it does at a time and answers 429 beyond that. It disconnects clients that\n" +
			"transfer almost nothing for a minute.\n\n" +
			"Uploaded results count as this machine's own. If the configuration trusts certain keys, serve\n" +
			"refuses uploads that none of them signed. If it names a key to sign with, serve signs the\n" +
			"results that were computed here." + exitCodes(""),
		Example: "  ABLATE_REMOTE_TOKEN=$(openssl rand -hex 32) ablate cache serve --listen :8080",
		Args:    noArgs,
		RunE:    does(s, &r),
	}
	c.Flags().StringVar(&r.Listen, "listen", "127.0.0.1:8080", "the `address` to listen on")
	c.Flags().BoolVar(&r.ReadOnly, "read-only", false, "refuse uploads")
	c.Flags().StringVar(&r.Certificate, "tls-cert", "", "serve over TLS with the certificate in this `file`")
	c.Flags().StringVar(&r.Key, "tls-key", "", "the `file` with the private key of the certificate")
	return c
}

// cacheServeRequest asks to serve the store.
type cacheServeRequest struct {
	Listen           string
	ReadOnly         bool
	Certificate, Key string // files; "" for plain HTTP
}

func (r cacheServeRequest) do(ctx context.Context, s *session) error {
	c, err := s.config()
	if err == nil {
		err = s.knowsTrust()
	}
	if err != nil {
		return err
	}
	store, err := s.openStore()
	if err != nil {
		return err
	}
	key, err := signingKey(c)
	if err != nil {
		return err
	}
	handler, err := remote.NewServer(remote.ServerOptions{Store: store, Token: s.getenv("ABLATE_REMOTE_TOKEN"), ReadOnly: r.ReadOnly,
		Sign: key, Trust: c.Trust, TrustIn: c.TrustIn, Check: action.CheckIngredients})
	if err == nil {
		err = handler.CheckListen(r.Listen)
	}
	if err != nil {
		return err
	}
	l, scheme, err := r.listen()
	if err != nil {
		return err
	}
	s.show(view.Serving{Address: l.Addr().String(), Dir: store.Dir(), Scheme: scheme})
	return handler.Serve(ctx, l)
}

// listen listens over TLS if there is a certificate.
func (r cacheServeRequest) listen() (l net.Listener, scheme string, err error) {
	if (r.Certificate == "") != (r.Key == "") {
		return nil, "", errors.New("--tls-cert and --tls-key need each other: give both or neither")
	}
	var pair tls.Certificate
	if r.Certificate != "" {
		if pair, err = tls.LoadX509KeyPair(r.Certificate, r.Key); err != nil {
			return nil, "", fmt.Errorf("reading the certificate: %w", err)
		}
	}
	if l, err = net.Listen("tcp", r.Listen); err != nil {
		return nil, "", fmt.Errorf("listening: %w", err)
	}
	if r.Certificate == "" {
		return l, "http", nil
	}
	return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}), "https", nil
}
