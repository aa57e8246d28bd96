//! What holds of the crates: who may depend on whom, versions, licences.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use course::{files, root};
use serde_json::Value;

static METADATA: LazyLock<Value> = LazyLock::new(|| {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
});

fn packages() -> impl Iterator<Item = &'static Value> {
    METADATA["packages"].as_array().unwrap().iter()
}

fn own_packages() -> impl Iterator<Item = &'static Value> {
    packages().filter(|package| package["source"].is_null())
}

/// The number of `chapter-N`, or `None` for another package.
fn chapter(name: &str) -> Option<u32> {
    name.strip_prefix("chapter-")?.parse().ok()
}

#[test]
fn chapters_depend_on_earlier_chapters_and_on_the_workbench_only() {
    let own: Vec<&str> = own_packages().map(|package| package["name"].as_str().unwrap()).collect();
    let mut seen = 0;
    for package in own_packages() {
        let Some(number) = chapter(package["name"].as_str().unwrap()) else {
            continue;
        };
        seen += 1;
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap();
            if own.contains(&name) && name != "workbench" {
                let earlier = chapter(name).is_some_and(|other| other < number);
                assert!(earlier, "chapter-{number} depends on {name}");
            }
        }
    }
    assert!(seen > 0, "the workspace has no chapter");
}

#[test]
fn a_chapter_has_one_module_a_page() {
    let chapters = files(&root().join("book/src"), "index.md");
    assert!(!chapters.is_empty());
    for index in chapters {
        let folder = index.parent().unwrap();
        let name = folder.file_name().unwrap().to_str().unwrap();
        if !name.starts_with(|first: char| first.is_ascii_digit()) {
            continue;
        }
        let sources = root().join("chapters").join(name).join("src");
        for page in files(folder, ".md") {
            let stem = page.file_stem().unwrap().to_str().unwrap();
            if stem == "index" {
                continue;
            }
            let module = sources.join(format!("{}.rs", stem.replace('-', "_")));
            assert!(module.is_file(), "{name}/{stem}.md has no module {}", module.display());
        }
    }
}

#[test]
fn the_first_chapters_stay_light() {
    let heavy = ["burn", "wgpu", "cubecl", "candle-core", "tokio", "ndarray-linalg"];
    for package in own_packages() {
        if chapter(package["name"].as_str().unwrap()).is_some_and(|number| number <= 3) {
            for dependency in package["dependencies"].as_array().unwrap() {
                let name = dependency["name"].as_str().unwrap();
                assert!(!heavy.contains(&name), "{} depends on {name}", package["name"]);
            }
        }
    }
}

#[test]
fn every_version_is_named_in_the_workspace_manifest() {
    for manifest in files(&root(), "Cargo.toml") {
        let relative = manifest.strip_prefix(root()).unwrap();
        if relative == Path::new("Cargo.toml")
            || relative
                .components()
                .any(|part| ["fuzz", "benchmarks"].iter().any(|own| part.as_os_str() == *own))
        {
            continue;
        }
        let text = std::fs::read_to_string(&manifest).unwrap();
        let table: toml::Table = text.parse().unwrap();
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in
                table.get(kind).and_then(|value| value.as_table()).into_iter().flatten()
            {
                let inherited =
                    value.get("workspace").and_then(|value| value.as_bool()) == Some(true);
                assert!(inherited, "{}: {name} names its own version", relative.display());
            }
        }
    }
}

/// What a dependency of ours may be licensed under; `deny.toml` has the same list for `cargo deny`.
const LICENCES: [&str; 16] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC-BY-4.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether an SPDX expression can be satisfied from the list: one alternative of each part that is demanded.
fn allowed(expression: &str) -> bool {
    expression.replace(['(', ')'], " ").split(" AND ").all(|demanded| {
        demanded
            .split(" OR ")
            .flat_map(|choice| choice.split('/'))
            .any(|choice| LICENCES.contains(&choice.trim()))
    })
}

#[test]
fn every_dependency_has_a_licence_we_may_use() {
    // What is compiled on any platform; the lock file also names what only unused features would need.
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--locked", "--target", "all"])
        .args(["--prefix", "none", "--format", "{p}|{l}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let used: BTreeSet<(&str, &str)> =
        tree.lines().filter_map(|line| line.trim_end_matches(" (*)").split_once('|')).collect();
    assert!(used.len() > 100, "the tree of dependencies was not understood");
    let faults: Vec<String> = used
        .iter()
        .filter(|(_, licence)| !allowed(licence))
        .map(|(package, licence)| format!("{package}: {licence:?}"))
        .collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
    assert!(
        !allowed("GPL-3.0-only")
            && !allowed("MIT AND GPL-2.0")
            && allowed("(MIT OR GPL-2.0) AND ISC")
    );
}

#[test]
fn cargo_deny_is_told_the_same_licences() {
    let table: toml::Table =
        std::fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap();
    let told: Vec<&str> = table["licenses"]["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_str().unwrap())
        .collect();
    assert_eq!(told, LICENCES);
}

#[test]
fn all_crates_of_the_course_use_the_same_version_of_a_dependency() {
    let own: Vec<&str> = own_packages().map(|package| package["id"].as_str().unwrap()).collect();
    let mut used: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for node in METADATA["resolve"]["nodes"].as_array().unwrap() {
        if own.contains(&node["id"].as_str().unwrap()) {
            for dependency in node["deps"].as_array().unwrap() {
                let name = dependency["name"].as_str().unwrap();
                used.entry(name).or_default().insert(dependency["pkg"].as_str().unwrap());
            }
        }
    }
    assert!(used.contains_key("nalgebra"));
    for (name, versions) in used {
        assert_eq!(versions.len(), 1, "{name} is used as {versions:?}");
    }
}
