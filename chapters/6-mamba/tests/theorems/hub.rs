//! Models by name, from a small server of our own: whole, cut off, wrong, refused.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use mamba::hub::{Hub, HubError};
use mamba::pretrained::load;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::common::fixture;

type Files = BTreeMap<String, Vec<u8>>;

/// A server of files, that notes what it was asked for, and ends one answer early if it is told to.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    cut: Arc<Mutex<Option<usize>>>,
}

impl Server {
    fn of(files: Files) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("a port"));
        let (asked, cut) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(None)));
        let (log, early) = (Arc::clone(&asked), Arc::clone(&cut));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = stream.and_then(|stream| answer(stream, &files, &log, &early));
            }
        });
        Self { url, asked, cut }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("nobody panicked"))
    }

    fn hub(&self, cache: &TempDir) -> Hub {
        Hub { endpoint: self.url.clone(), cache: cache.path().to_owned(), offline: false }
    }
}

fn answer(
    stream: TcpStream,
    files: &Files,
    log: &Mutex<Vec<String>>,
    cut: &Mutex<Option<usize>>,
) -> std::io::Result<()> {
    let (mut path, mut begin) = (String::new(), 0);
    for line in BufReader::new(&stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some(rest) = line.strip_prefix("GET ") {
            path = rest.split(' ').next().expect("a path").to_owned();
        }
        if let Some(range) = line.to_lowercase().strip_prefix("range: bytes=") {
            begin = range.trim_end_matches('-').parse().expect("a number");
        }
    }
    log.lock().expect("nobody panicked").push(format!("{path} from {begin}"));
    let Some(file) = files.get(&path) else {
        return (&stream)
            .write_all(b"HTTP/1.1 404 None\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let length = file.len();
    let status = if begin > 0 { "206 Part" } else { "200 All" };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Range: bytes {begin}-{}/{length}\r\nConnection: close\r\n\r\n",
        length - begin,
        length - 1,
    );
    (&stream).write_all(head.as_bytes())?;
    let early = if path.ends_with(".safetensors") {
        cut.lock().expect("nobody panicked").take()
    } else {
        None
    };
    (&stream).write_all(&file[begin..early.unwrap_or(length)])
}

/// The SHA-256 of the tiny model's weights, by another program.
const SHA256: &str = "38bdfbc27437d20d53289be3928bc2b7bb4e0de96ee99b4b00e7022ea903513a";

const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

/// The tiny model as a server has it, with this checksum.
fn model(sha256: &str) -> Files {
    let read = |name: &str| fs::read(fixture("hf_mamba_tiny").join(name)).expect("a fixture");
    let (config, weights) = (read("config.json"), read("model.safetensors"));
    let list = json!({
        "sha": REVISION,
        "siblings": [
            {"rfilename": "README.md", "size": 3, "blobId": "aaa"},
            {"rfilename": "config.json", "size": config.len(), "blobId": "bbb"},
            {"rfilename": "model.safetensors", "size": weights.len(), "blobId": "ccc",
                "lfs": {"sha256": sha256, "size": weights.len(), "pointerSize": 134}},
        ],
    });
    served(list, [("config.json", config), ("model.safetensors", weights)])
}

fn served<const N: usize>(list: Value, files: [(&str, Vec<u8>); N]) -> Files {
    let list =
        ("/api/models/org/tiny/revision/main?blobs=true".to_owned(), list.to_string().into());
    let path = |name: &str| format!("/org/tiny/resolve/{REVISION}/{name}");
    files.into_iter().map(|(name, file)| (path(name), file)).chain([list]).collect()
}

#[test]
fn a_model_is_downloaded_once_into_the_usual_places() {
    let (server, cache) = (Server::of(model(SHA256)), tempfile::tempdir().unwrap());
    let folder = server.hub(&cache).folder("org/tiny").unwrap();
    let root = cache.path().join("models--org--tiny");
    assert_eq!(folder, root.join("snapshots").join(REVISION));
    assert_eq!(fs::read_to_string(root.join("refs/main")).unwrap(), REVISION);
    assert!(root.join("blobs").join(SHA256).is_file() && root.join("blobs/bbb").is_file());
    assert_eq!(load(&folder, None).unwrap().weights.vocabulary(), 96);
    assert_eq!(server.asked().len(), 3);

    // Now it is there, with or without a network.
    let offline = Hub { offline: true, ..server.hub(&cache) };
    assert_eq!(server.hub(&cache).folder("org/tiny").unwrap(), folder);
    assert_eq!(offline.folder("org/tiny").unwrap(), folder);
    assert_eq!(server.asked(), [""; 0]);
    let error = offline.folder("org/other").unwrap_err().to_string();
    assert_eq!(error, "org/other has not been downloaded yet, and HF_HUB_OFFLINE is set");
}

#[test]
fn a_download_that_was_cut_off_goes_on() {
    let (server, cache) = (Server::of(model(SHA256)), tempfile::tempdir().unwrap());
    *server.cut.lock().unwrap() = Some(100_000);
    let folder = server.hub(&cache).folder("org/tiny").unwrap();
    assert!(load(&folder, None).is_ok());
    let weights = server.asked().into_iter().filter(|asked| asked.contains(".safetensors"));
    let from: Vec<String> = weights.map(|asked| asked.rsplit(' ').next().unwrap().into()).collect();
    assert_eq!(from, ["0", "100000"]);
}

#[test]
fn weights_of_another_checksum_are_not_taken() {
    let wrong = SHA256.replace('0', "1");
    let (server, cache) = (Server::of(model(&wrong)), tempfile::tempdir().unwrap());
    let error = server.hub(&cache).folder("org/tiny").unwrap_err().to_string();
    assert!(error.contains("expected the SHA-256") && error.contains(SHA256), "{error}");
    let root = cache.path().join("models--org--tiny");
    assert!(!root.join("refs/main").exists() && !root.join("blobs").join(&wrong).exists());
}

#[test]
fn a_model_in_several_files_is_downloaded_whole() {
    let file =
        |name: &str| json!({"rfilename": name, "size": null, "blobId": format!("{name}-blob")});
    let config = fs::read(fixture("hf_mamba_tiny/config.json")).unwrap();
    let weights = fs::read(fixture("hf_mamba_tiny/model.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&weights).unwrap();
    let shard = "model-00001-of-00001.safetensors";
    let map: BTreeMap<&str, &str> = tensors.names().into_iter().map(|name| (name, shard)).collect();
    let index = json!({"metadata": {}, "weight_map": map}).to_string();
    let names = ["config.json", "model.safetensors.index.json", shard];
    let list = json!({"sha": REVISION, "siblings": names.map(file)});
    let files = [(names[0], config), (names[1], index.into_bytes()), (names[2], weights.clone())];
    let (server, cache) = (Server::of(served(list, files)), tempfile::tempdir().unwrap());
    let folder = server.hub(&cache).folder("org/tiny").unwrap();
    assert!(load(&folder, None).is_ok());
    assert_eq!(server.hub(&cache).folder("org/tiny").unwrap(), folder);

    // With a file gone it is no longer whole, and is completed.
    fs::remove_file(folder.join(shard)).unwrap();
    server.asked();
    assert_eq!(server.hub(&cache).folder("org/tiny").unwrap(), folder);
    assert!(load(&folder, None).is_ok() && !server.asked().is_empty());
}

#[test]
fn what_a_server_does_not_have_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let said = |files: Files, name: &str| {
        Server::of(files).hub(&cache).folder(name).unwrap_err().to_string()
    };
    let sentence = said(Files::new(), "org/tiny");
    assert!(sentence.contains("the server answered 404"), "{sentence}");
    let list = json!({"sha": REVISION, "siblings": [{"rfilename": "pytorch_model.bin"}]});
    let sentence = said(served(list, []), "org/tiny");
    let expected = "expected config.json among the files of org/tiny, found pytorch_model.bin";
    assert_eq!(sentence, expected);
    for (list, words) in [
        (json!({"error": "no"}), "missing field `sha`"),
        (json!({"sha": "../../out", "siblings": []}), "a revision called ../../out"),
        (
            json!({"sha": REVISION, "siblings": [{"rfilename": "config.json", "blobId": "../out"}]}),
            "config.json is called ../out",
        ),
    ] {
        let sentence = said(served(list, []), "org/tiny");
        assert!(sentence.contains(words), "{sentence}");
    }
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
}

#[test]
fn names_that_are_none_ask_nobody() {
    let cache = tempfile::tempdir().unwrap();
    let hub =
        Hub { endpoint: "http://127.0.0.1:9".into(), cache: cache.path().into(), offline: false };
    for name in ["", ".", "..", "a/b/c", "../model", "./model", "org/", "a b", "https://x/y"] {
        assert!(matches!(hub.folder(name), Err(HubError::NoName(_))), "{name}");
    }
}
