// Renders a chart as Helm does, for want of Helm: render CHART VALUES.yaml prints the manifests, separated by `---`.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"gopkg.in/yaml.v3"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(file string) map[string]interface{} {
	text, err := os.ReadFile(file)
	must(err)
	values := map[string]interface{}{}
	must(yaml.Unmarshal(text, &values))
	return values
}

// The values of the one go over those of the other; lists are replaced.
func merge(under, over map[string]interface{}) map[string]interface{} {
	for key, value := range over {
		above, isMap := value.(map[string]interface{})
		below, wasMap := under[key].(map[string]interface{})
		if isMap && wasMap {
			under[key] = merge(below, above)
		} else {
			under[key] = value
		}
	}
	return under
}

func toYaml(value interface{}) string {
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	must(encoder.Encode(value))
	return strings.TrimSuffix(text.String(), "\n")
}

func main() {
	chart := os.Args[1]
	description := read(filepath.Join(chart, "Chart.yaml"))
	all := template.New("chart").Option("missingkey=zero")
	functions := sprig.TxtFuncMap()
	functions["toYaml"] = toYaml
	functions["include"] = func(name string, data interface{}) (string, error) {
		var text strings.Builder
		err := all.ExecuteTemplate(&text, name, data)
		return text.String(), err
	}
	all.Funcs(functions)

	files, err := filepath.Glob(filepath.Join(chart, "templates", "*"))
	must(err)
	sort.Strings(files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(err)
		_, err = all.New(filepath.Base(file)).Parse(string(text))
		must(err)
	}
	data := map[string]interface{}{
		"Values":  merge(read(filepath.Join(chart, "values.yaml")), read(os.Args[2])),
		"Release": map[string]interface{}{"Name": "app", "Service": "Helm"},
		"Chart":   map[string]interface{}{"Name": description["name"], "AppVersion": description["appVersion"]},
	}
	for _, file := range files {
		if filepath.Ext(file) != ".yaml" {
			continue
		}
		var text strings.Builder
		must(all.ExecuteTemplate(&text, filepath.Base(file), data))
		if rendered := strings.TrimSpace(text.String()); rendered != "" {
			// What is no YAML is found here.
			must(yaml.Unmarshal([]byte(rendered), &map[string]interface{}{}))
			fmt.Printf("---\n%s\n", rendered)
		}
	}
}
