// The example server of zitadel/oidc on 127.0.0.1, with users and clients of the trial. Its login, its
// store and its rules are those of the example; what is changed here is which access tokens are JWTs, and
// that one client gets tokens which have expired.
package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"
)

// users are those of the example's interface.
type users struct{}

// GetUserByID knows user0 to user199, the service account, and guest, which may not be exchanged.
func (users) GetUserByID(id string) *storage.User {
	number, err := strconv.ParseUint(strings.TrimPrefix(id, "user"), 10, 64)
	if id != storage.ServiceUserID && id != "guest" && (err != nil || number > 199) {
		return nil
	}
	return &storage.User{
		ID: id, Username: id, Password: id, PreferredLanguage: language.English,
		// The example lets the tokens of these be exchanged, and no others.
		IsAdmin: id != "guest",
	}
}

func (u users) GetUserByUsername(name string) *storage.User { return u.GetUserByID(name) }

func (users) ExampleClientID() string { return storage.ServiceUserID }

type store struct{ *storage.Storage }

func (s store) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	client, err := s.Storage.GetClientByClientID(ctx, id)
	if err != nil || strings.HasPrefix(id, "opaque-") {
		return client, err
	}
	return jwtClient{client}, nil
}

// CreateAccessToken gives the client "late" tokens that ended a minute ago.
func (s store) CreateAccessToken(ctx context.Context, request op.TokenRequest) (string, time.Time, error) {
	id, end, err := s.Storage.CreateAccessToken(ctx, request)
	if auth, ok := request.(*storage.AuthRequest); ok && auth.ApplicationID == "late" {
		end = time.Now().Add(-time.Minute)
	}
	return id, end, err
}

type jwtClient struct{ op.Client }

func (jwtClient) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

func main() {
	address := os.Args[1]
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	for _, id := range []string{"shop", "late", "gateway", "opaque-shop", "opaque-gateway"} {
		storage.RegisterClients(storage.WebClient(id, id+"-secret", "http://127.0.0.1/callback"))
	}
	router := exampleop.SetupServer("http://"+address, store{storage.NewStorage(users{})}, logger, false)
	logger.Error("server ended", "error", http.ListenAndServe(address, router))
	os.Exit(1)
}
