// VMware's own client for Cloud Director drives a server through what Rekey needs of it, and says what it found: one
// JSON object, each member a step with its result or its error.
//
// usage: govcd URL USER PASSWORD API_TOKEN API_VERSION
package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"

	"github.com/vmware/go-vcloud-director/v3/govcd"
)

type party struct {
	ID           string   `json:"id,omitempty"`
	ClientID     string   `json:"clientId,omitempty"`
	ClientName   string   `json:"clientName,omitempty"`
	ClientSecret string   `json:"clientSecret,omitempty"`
	RedirectURIs []string `json:"redirectUris,omitempty"`
}

// The client appends ids to the address of a collection as it is.
const parties = "1.0.0/openIdProvider/relyingParties/"

var said = map[string]any{}

func note(step string, err error, result any) {
	switch {
	case err == nil:
		said[step] = result
	case govcd.ContainsNotFound(err):
		said[step] = "error: not found"
	default:
		said[step] = "error: " + err.Error()
	}
}

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: govcd URL USER PASSWORD API_TOKEN API_VERSION")
		os.Exit(2)
	}
	address, user, password, apiToken, version := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	endpoint, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	connect := func() *govcd.VCDClient { return govcd.NewVCDClient(*endpoint, false, govcd.WithAPIVersion(version)) }

	note("login with a password", connect().Authenticate(user, password, "System"), "in")
	note("login with a wrong password", connect().Authenticate(user, "wrong", "System"), "in")
	vcd := connect()
	note("login with an API token", vcd.SetToken("System", govcd.ApiTokenHeader, apiToken), "in")
	note("login with a wrong API token", connect().SetToken("System", govcd.ApiTokenHeader, "wrong"), "in")
	drive(&vcd.Client, version)
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		panic(err)
	}
}

func drive(client *govcd.Client, version string) {
	at := func(parts ...string) *url.URL {
		address, err := client.OpenApiBuildEndpoint(parts...)
		if err != nil {
			panic(err)
		}
		return address
	}
	list := func(step string, query url.Values) {
		var found []party
		err := client.OpenApiGetAllItems(version, at(parties), query, &found, nil)
		names := []string{}
		for _, one := range found {
			names = append(names, one.ClientName)
		}
		note(step, err, names)
	}

	var made party
	for _, name := range []string{"b", "d", "a", "c", "e"} {
		made = party{}
		wanted := party{ClientName: name, RedirectURIs: []string{"https://app.example/callback"}}
		err := client.OpenApiPostItem(version, at(parties), nil, wanted, &made, nil)
		note("register "+name, err, made.ClientName)
	}
	note("register without a name", client.OpenApiPostItem(version, at(parties), nil, party{}, &party{}, nil), "made")

	list("pages of two", url.Values{"pageSize": {"2"}, "sortAsc": {"clientName"}})
	list("filter", url.Values{"filter": {"clientName==a,clientName==b"}, "sortDesc": {"clientName"}})
	list("filter that is none", url.Values{"filter": {"clientName~a"}})
	list("sort by what cannot be sorted by", url.Values{"sortAsc": {"clientId"}})

	changed, wanted := party{}, party{ClientName: "f", RedirectURIs: []string{"https://app.example/callback"}}
	err := client.OpenApiPutItem(version, at(parties, made.ID), nil, wanted, &changed, nil)
	note("change", err, changed.ClientName)
	secret := party{}
	err = client.OpenApiPostItem(version, at(parties, made.ID, "/regenerateSecret"), nil, nil, &secret, nil)
	note("regenerate", err, secret.ClientSecret != "" && secret.ClientSecret != made.ClientSecret)
	note("delete", client.OpenApiDeleteItem(version, at(parties, made.ID), nil, nil), "gone")
	note("get what is gone", client.OpenApiGetItem(version, at(parties, made.ID), nil, &party{}, nil), "there")
}
