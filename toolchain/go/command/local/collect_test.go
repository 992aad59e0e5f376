package local

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The example of the official documentation, and what it says must be returned.
func TestGlobsChooseAsTheDocumentationSays(t *testing.T) {
	folder := t.TempDir()
	for _, path := range []string{
		"assets/logos/logo.svg", "src/index.js", "src/secret.js", "src/deep/index.js", "other.txt",
	} {
		full := filepath.Join(folder, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(path), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		globs []string
		want  string
	}{
		{[]string{"assets/**", "src/**.js", "!**secret.*"},
			"assets/logos/logo.svg src/deep/index.js src/index.js"},
		{[]string{"src/*.js"}, "src/index.js src/secret.js"},
		// In their order: what comes after an exclusion is not touched by it.
		{[]string{"!**secret.*", "src/*.js"}, "src/index.js src/secret.js"},
		{[]string{"none/**"}, ""},
		{[]string{}, ""},
	} {
		found, err := find(folder, row.globs)
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for path, file := range found {
			paths = append(paths, path)
			if file.Path != filepath.Join(folder, path) || file.Hash == "" {
				t.Errorf("%s: path %s, hash %s", path, file.Path, file.Hash)
			}
		}
		slices.Sort(paths)
		if got := strings.Join(paths, " "); got != row.want {
			t.Errorf("%v: %q, want %q", row.globs, got, row.want)
		}
	}
}

func TestABadGlobIsNamed(t *testing.T) {
	if _, err := find(t.TempDir(), []string{"[a-"}); err == nil || !strings.Contains(err.Error(), `"[a-"`) {
		t.Errorf("error %v", err)
	}
}

func TestFilesTheCommandMadeAreOutputs(t *testing.T) {
	folder := t.TempDir()
	state := create(t, CommandInputs{
		Create:       text("echo a > a.txt; echo b > b.md"),
		Dir:          &folder,
		AssetPaths:   &[]string{"*.txt"},
		ArchivePaths: &[]string{"*"},
	})
	if state.Assets == nil || len(*state.Assets) != 1 || (*state.Assets)["a.txt"] == nil {
		t.Errorf("assets %v", state.Assets)
	}
	if state.Archive == nil || len(state.Archive.Assets) != 2 {
		t.Errorf("archive %v", state.Archive)
	}
}
