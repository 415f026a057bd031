// Tests of an application that uses EFS, on localefs. Needs the program localefs on PATH or in
// LOCALEFS_BIN.
package localefs

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	"github.com/aws/aws-sdk-go-v2/service/efs/types"
)

// Where the server is, as its ready file says.
type ready struct {
	NFS []string
	API string
}

var (
	server ready
	client *efs.Client
)

func TestMain(tests *testing.M) {
	status, err := run(tests)
	if err != nil {
		log.Fatal(err)
	}
	os.Exit(status)
}

func run(tests *testing.M) (int, error) {
	directory, err := os.MkdirTemp("", "localefs")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(directory)
	path := filepath.Join(directory, "ready")
	binary := os.Getenv("LOCALEFS_BIN")
	if binary == "" {
		binary = "localefs"
	}
	command := exec.Command(binary, "--ephemeral", "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0",
		"--mount-target-port", "0", "--ready-file", path)
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		return 0, err
	}
	defer command.Wait()
	defer command.Process.Signal(syscall.SIGTERM)
	text, err := await(path)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(text, &server); err != nil {
		return 0, err
	}
	client = efs.New(efs.Options{
		Region:           "us-east-1",
		Credentials:      credentials.NewStaticCredentialsProvider("test", "test", ""),
		EndpointResolver: efs.EndpointResolverFromURL("http://" + server.API),
	})
	return tests.Run(), nil
}

// await reads the ready file as soon as it is there.
func await(path string) ([]byte, error) {
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(path)
		if err == nil || time.Now().After(end) {
			return text, err
		}
	}
}

func TestAFileSystemHasAMountTarget(t *testing.T) {
	ctx := context.Background()
	all, err := client.DescribeFileSystems(ctx, &efs.DescribeFileSystemsInput{})
	if err != nil || len(all.FileSystems) != 1 {
		t.Fatal(all, err)
	}
	first, err := client.DescribeMountTargets(ctx, &efs.DescribeMountTargetsInput{
		FileSystemId: all.FileSystems[0].FileSystemId,
	})
	if err != nil || len(first.MountTargets) != 1 {
		t.Fatal(first, err)
	}
	made, err := client.CreateFileSystem(ctx, &efs.CreateFileSystemInput{
		CreationToken: aws.String(t.Name()),
	})
	if err != nil || made.LifeCycleState != types.LifeCycleStateAvailable {
		t.Fatal(made, err)
	}
	target, err := client.CreateMountTarget(ctx, &efs.CreateMountTargetInput{
		FileSystemId: made.FileSystemId,
		SubnetId:     first.MountTargets[0].SubnetId,
	})
	if err != nil || target.LifeCycleState != types.LifeCycleStateAvailable {
		t.Fatal(target, err)
	}
	_, err = client.DeleteFileSystem(ctx, &efs.DeleteFileSystemInput{FileSystemId: made.FileSystemId})
	var inUse *types.FileSystemInUse
	if !errors.As(err, &inUse) {
		t.Fatal("a file system with a mount target was deleted: ", err)
	}
}
