// A minimal crictl, because no available proxy serves its module: the commands that
// `kind load` and `minikube` use, and those for inspecting a node by hand.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	endpoint = "unix:///run/containerd/containerd.sock"
	timeout  = 30 * time.Second
	// Enough for a pull on a slow connection; the runtime itself ends stalled pulls sooner.
	pullTimeout = 30 * time.Minute
	usage       = "usage: crictl pull IMAGE... | inspecti IMAGE | images [-q] [-o json] | rmi IMAGE... | ps [-q] [--name REGEXP] | stop [--timeout SECONDS] ID... | pods [-q] | info | version"
)

type client struct {
	images  cri.ImageServiceClient
	runtime cri.RuntimeServiceClient
	out     io.Writer
	quiet   bool
	json    bool
	// Of containers; nil selects all.
	name *regexp.Regexp
	// Seconds until a container that is stopped is killed; a string until it is needed.
	grace string
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "crictl:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	c := client{out: out}
	words, err := c.parse(args)
	if err != nil {
		return err
	}
	if len(words) == 0 {
		return fmt.Errorf("no command; %s", usage)
	}
	conn, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connect to %s: %w", endpoint, err)
	}
	defer conn.Close()
	c.images, c.runtime = cri.NewImageServiceClient(conn), cri.NewRuntimeServiceClient(conn)
	limit := timeout
	if words[0] == "pull" {
		limit = pullTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return c.do(ctx, words[0], words[1:])
}

// parse removes the flags from the arguments. Unknown flags are ignored:
// callers pass endpoints and time limits that are fixed here.
func (c *client) parse(args []string) (words []string, err error) {
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		switch {
		case !strings.HasPrefix(name, "-"):
			words = append(words, args[i])
		case name == "-q" || name == "--quiet":
			c.quiet = true
		case name == "-a" || name == "--all" || name == "--no-trunc" || name == "-D" || name == "--debug":
		default:
			if !joined && i+1 < len(args) {
				i++
				value = args[i]
			}
			switch name {
			case "-o", "--output":
				c.json = value == "json"
			case "--name":
				if c.name, err = regexp.Compile(value); err != nil {
					return nil, err
				}
			case "-t", "--timeout":
				c.grace = value
			}
		}
	}
	return words, nil
}

func (c *client) do(ctx context.Context, verb string, names []string) error {
	switch verb {
	case "pull":
		return c.pullImages(ctx, names)
	case "inspecti":
		return c.inspectImages(ctx, names)
	case "images", "image":
		return c.listImages(ctx)
	case "rmi":
		return c.removeImages(ctx, names)
	case "ps":
		return c.listContainers(ctx)
	case "stop":
		return c.stopContainers(ctx, names)
	case "pods":
		return c.listPods(ctx)
	case "info":
		return c.info(ctx)
	case "version":
		return c.version(ctx)
	}
	return fmt.Errorf("unsupported command %q; %s", verb, usage)
}

func (c *client) print(value any) error {
	encoder := json.NewEncoder(c.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// imageJSON has the field names, lists and the string-typed size of the real tool's output.
func imageJSON(image *cri.Image) map[string]any {
	return map[string]any{
		"id": image.Id, "repoTags": list(image.RepoTags), "repoDigests": list(image.RepoDigests),
		"size": fmt.Sprint(image.Size), "username": image.Username, "pinned": image.Pinned,
	}
}

// pullImages pulls each image, a tag or name@digest, and prints the same output as the real tool.
func (c *client) pullImages(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("pull: missing image name")
	}
	for _, name := range names {
		answer, err := c.images.PullImage(ctx, &cri.PullImageRequest{Image: &cri.ImageSpec{Image: name}})
		if err != nil {
			return fmt.Errorf("pull %s: %w", name, err)
		}
		fmt.Fprintf(c.out, "Image is up to date for %s\n", answer.ImageRef)
	}
	return nil
}

// list returns an empty list for nil, because JSON would encode nil as null.
func list(names []string) []string {
	return append([]string{}, names...)
}

func (c *client) inspectImages(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("inspecti: missing image name")
	}
	for _, name := range names {
		answer, err := c.images.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: name}, Verbose: true})
		if err != nil {
			return err
		}
		if answer.Image == nil {
			return fmt.Errorf("no such image %q present", name)
		}
		if err := c.print(map[string]any{"status": imageJSON(answer.Image), "info": decoded(answer.Info)}); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) listImages(ctx context.Context) error {
	answer, err := c.images.ListImages(ctx, &cri.ListImagesRequest{})
	if err != nil {
		return err
	}
	all := []any{}
	for _, image := range answer.Images {
		switch {
		case c.json:
			all = append(all, imageJSON(image))
		case c.quiet:
			fmt.Fprintln(c.out, image.Id)
		default:
			fmt.Fprintf(c.out, "%s\t%s\t%.1fMB\n", strings.Join(image.RepoTags, ","), short(strings.TrimPrefix(image.Id, "sha256:")), float64(image.Size)/1e6)
		}
	}
	if c.json {
		return c.print(map[string]any{"images": all})
	}
	return nil
}

func (c *client) removeImages(ctx context.Context, names []string) error {
	for _, name := range names {
		if _, err := c.images.RemoveImage(ctx, &cri.RemoveImageRequest{Image: &cri.ImageSpec{Image: name}}); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) listContainers(ctx context.Context) error {
	answer, err := c.runtime.ListContainers(ctx, &cri.ListContainersRequest{})
	if err != nil {
		return err
	}
	for _, one := range answer.Containers {
		if c.name != nil && !c.name.MatchString(one.Metadata.Name) {
			continue
		}
		if c.quiet {
			fmt.Fprintln(c.out, one.Id)
			continue
		}
		state := strings.TrimPrefix(one.State.String(), "CONTAINER_")
		fmt.Fprintf(c.out, "%s\t%s\t%s\t%s\n", short(one.Id), one.Metadata.Name, state, one.Labels["io.kubernetes.pod.name"])
	}
	return nil
}

// stopContainers ends the containers, and kills those that have not ended after the grace period.
func (c *client) stopContainers(ctx context.Context, ids []string) error {
	grace, err := strconv.ParseInt(cmp.Or(c.grace, "0"), 10, 64)
	if err != nil {
		return fmt.Errorf("stop: --timeout: %w", err)
	}
	for _, id := range ids {
		if _, err := c.runtime.StopContainer(ctx, &cri.StopContainerRequest{ContainerId: id, Timeout: grace}); err != nil {
			return fmt.Errorf("stop %s: %w", id, err)
		}
		fmt.Fprintln(c.out, id)
	}
	return nil
}

func (c *client) listPods(ctx context.Context) error {
	answer, err := c.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		return err
	}
	for _, one := range answer.Items {
		if c.quiet {
			fmt.Fprintln(c.out, one.Id)
			continue
		}
		state := strings.TrimPrefix(one.State.String(), "SANDBOX_")
		fmt.Fprintf(c.out, "%s\t%s/%s\t%s\n", short(one.Id), one.Metadata.Namespace, one.Metadata.Name, state)
	}
	return nil
}

func (c *client) info(ctx context.Context) error {
	answer, err := c.runtime.Status(ctx, &cri.StatusRequest{Verbose: true})
	if err != nil {
		return err
	}
	out := decoded(answer.Info)
	out["status"] = answer.Status
	return c.print(out)
}

func (c *client) version(ctx context.Context) error {
	answer, err := c.runtime.Version(ctx, &cri.VersionRequest{})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "Version:  %s\nRuntimeName:  %s\nRuntimeVersion:  %s\nRuntimeApiVersion:  %s\n",
		answer.Version, answer.RuntimeName, answer.RuntimeVersion, answer.RuntimeApiVersion)
	return nil
}

// decoded decodes the values of a verbose response, which are JSON texts.
func decoded(info map[string]string) map[string]any {
	out := map[string]any{}
	for key, text := range info {
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			value = text
		}
		out[key] = value
	}
	return out
}

func short(id string) string {
	if len(id) > 13 {
		return id[:13]
	}
	return id
}
