//! Models by name: from the folder in which Hugging Face's programs keep what they downloaded, or into it.
//!
//! ```text
//! models--ORG--NAME/refs/main                 the revision, a line of 40 hexadecimal digits
//! models--ORG--NAME/blobs/SHA                 files, named by what is in them
//! models--ORG--NAME/snapshots/REVISION/FILE   links to them
//! ```
//!
//! What their programs have downloaded is used as it lies there, and what is downloaded here is there for them. A download that
//! was cut off goes on where it stopped, and a file gets its name when its checksum is right: see [`fetch`].

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mamba::tensor_files::{INDEX, ONE_FILE, is_plain};
use s4::download::{DownloadError, Remote, fetch};
use serde::Deserialize;
use thiserror::Error;

/// The files of a model besides its weights; the second need not be there.
const SMALL_FILES: [&str; 2] = ["config.json", "tokenizer.json"];

/// Why a model of some name is not there.
#[derive(Debug, Error)]
pub enum HubError {
    /// Neither a folder nor a name.
    #[error("expected a folder, or a name like state-spaces/mamba-130m-hf; found no folder {0}")]
    NoName(String),
    /// Neither a folder nor a model that can be had.
    #[error("found no folder {name}, and no model of this name: {reason}")]
    Neither {
        /// What was asked for.
        name: String,
        /// Why it could not be downloaded.
        reason: DownloadError,
    },
    /// Nowhere to put it.
    #[error("found no folder for models: set HF_HOME to one")]
    NoCache,
    /// It may not be asked for.
    #[error("{0} has not been downloaded yet, and HF_HUB_OFFLINE is set")]
    Offline(String),
    /// One of its files could not be had.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The server's list of files is no such list.
    #[error("expected the list of files of {name}, found something else: {reason}")]
    List {
        /// The model.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A model without a file that it needs.
    #[error("expected {file} among the files of {name}, found {}", found.join(", "))]
    NoFile {
        /// The model.
        name: String,
        /// The file.
        file: String,
        /// What there is.
        found: Vec<String>,
    },
    /// The disk does not take it.
    #[error("cannot write {}: {reason}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

/// Where models come from, and where they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hub {
    /// The server.
    pub endpoint: String,
    /// The folder with `models--…` in it.
    pub cache: PathBuf,
    /// Whether nothing may be asked for.
    pub offline: bool,
}

/// What the server says of a revision.
#[derive(Debug, Deserialize)]
struct Revision {
    sha: String,
    siblings: Vec<Sibling>,
}

/// A file of it.
#[derive(Debug, Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    #[serde(rename = "blobId")]
    blob: Option<String>,
    lfs: Option<Large>,
}

/// A file that is kept elsewhere, with its checksum.
#[derive(Debug, Deserialize)]
struct Large {
    sha256: String,
    size: Option<u64>,
}

impl Hub {
    /// As `HF_ENDPOINT`, `HF_HUB_CACHE`, `HF_HOME` and `HF_HUB_OFFLINE` say, or as it is usual.
    ///
    /// # Errors
    /// [`HubError::NoCache`] where the environment names no folder.
    pub fn from_environment() -> Result<Self, HubError> {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let folder = |name: &str, below: &str| set(name).map(|at| PathBuf::from(at).join(below));
        let usual = || folder("HOME", ".cache").or_else(|| folder("USERPROFILE", ".cache"));
        let home = folder("HF_HOME", "hub")
            .or_else(|| folder("XDG_CACHE_HOME", "huggingface/hub"))
            .or_else(|| usual().map(|cache| cache.join("huggingface/hub")));
        let cache = folder("HF_HUB_CACHE", "").or(home).ok_or(HubError::NoCache)?;
        let endpoint = set("HF_ENDPOINT").and_then(|endpoint| endpoint.into_string().ok());
        let endpoint = endpoint.unwrap_or_else(|| "https://huggingface.co".to_owned());
        let offline = set("HF_HUB_OFFLINE").is_some_and(|value| value != "0");
        Ok(Self { endpoint: endpoint.trim_end_matches('/').to_owned(), cache, offline })
    }

    /// The folder of a model: the one that is there, or the one that is downloaded now.
    ///
    /// # Errors
    /// [`HubError`].
    pub fn folder(&self, name: &str) -> Result<PathBuf, HubError> {
        let parts: Vec<&str> = name.split('/').collect();
        if parts.len() > 2 || !parts.iter().all(|part| is_plain(part)) {
            return Err(HubError::NoName(name.to_owned()));
        }
        let root = self.cache.join(format!("models--{}", parts.join("--")));
        let revision = fs::read_to_string(root.join("refs/main")).unwrap_or_default();
        let there = root.join("snapshots").join(revision.trim());
        if is_plain(revision.trim()) && is_whole(&there) {
            return Ok(there);
        }
        if self.offline {
            return Err(HubError::Offline(name.to_owned()));
        }
        self.download(name, &root)
    }

    fn download(&self, name: &str, root: &Path) -> Result<PathBuf, HubError> {
        let revision = self.revision(name, root)?;
        let sha = &revision.sha;
        let snapshot = root.join("snapshots").join(sha);
        let listed = |file: &str| revision.siblings.iter().find(|one| one.rfilename == file);
        let get = |file: &str| -> Result<(), HubError> {
            let found = || revision.siblings.iter().map(|one| one.rfilename.clone()).collect();
            let sibling = listed(file).ok_or_else(|| HubError::NoFile {
                name: name.to_owned(),
                file: file.to_owned(),
                found: found(),
            })?;
            let large = sibling.lfs.as_ref();
            let sha256 = large.map(|large| large.sha256.as_str());
            let id = sha256.or(sibling.blob.as_deref()).unwrap_or(file);
            if !is_plain(id) {
                let reason = format!("{file} is called {id}");
                return Err(HubError::List { name: name.to_owned(), reason });
            }
            let urls = [format!("{}/{name}/resolve/{sha}/{file}", self.endpoint)];
            let bytes = large.and_then(|large| large.size).or(sibling.size);
            fetch(&Remote { urls: &urls, bytes, sha256 }, &root.join("blobs").join(id))?;
            let path = snapshot.join(file);
            link(id, root, &path)
                .map_err(|error| HubError::Unwritable { path, reason: error.to_string() })
        };
        for file in SMALL_FILES {
            if file == SMALL_FILES[0] || listed(file).is_some() {
                get(file)?;
            }
        }
        if listed(ONE_FILE).is_none() && listed(INDEX).is_some() {
            get(INDEX)?;
            for shard in shards(&snapshot).unwrap_or_default() {
                get(&shard)?;
            }
        } else {
            get(ONE_FILE)?;
        }
        // Now that all is there: which revision it is.
        let path = root.join("refs/main");
        let write = || fs::create_dir_all(root.join("refs")).and_then(|()| fs::write(&path, sha));
        write().map_err(|error| HubError::Unwritable {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        Ok(snapshot)
    }

    /// Asks which files there are, how long, and with which checksums.
    fn revision(&self, name: &str, root: &Path) -> Result<Revision, HubError> {
        let urls = [format!("{}/api/models/{name}/revision/main?blobs=true", self.endpoint)];
        let path = root.join(".main.json");
        // Yesterday's list is not today's.
        let _ = fs::remove_file(&path);
        fetch(&Remote { urls: &urls, bytes: None, sha256: None }, &path)?;
        let list = |reason: String| HubError::List { name: name.to_owned(), reason };
        let text = fs::read_to_string(&path).map_err(|error| list(error.to_string()));
        let _ = fs::remove_file(&path);
        let revision: Revision =
            serde_json::from_str(&text?).map_err(|error| list(error.to_string()))?;
        match is_plain(&revision.sha) {
            true => Ok(revision),
            false => Err(list(format!("a revision called {}", revision.sha))),
        }
    }
}

/// The files that a folder's index names.
fn shards(folder: &Path) -> Option<Vec<String>> {
    let text = fs::read_to_string(folder.join(INDEX)).ok()?;
    let index: serde_json::Value = serde_json::from_str(&text).ok()?;
    let files = index.get("weight_map")?.as_object()?.values();
    let mut files: Vec<String> = files
        .filter_map(|file| file.as_str())
        .filter(|file| is_plain(file))
        .map(Into::into)
        .collect();
    files.sort();
    files.dedup();
    Some(files)
}

/// Whether a folder has a configuration and all weights.
fn is_whole(folder: &Path) -> bool {
    let shards = || shards(folder).filter(|files| !files.is_empty());
    let all = |files: Vec<String>| files.iter().all(|file| folder.join(file).exists());
    folder.join(SMALL_FILES[0]).exists()
        && (folder.join(ONE_FILE).exists() || shards().is_some_and(all))
}

/// `path`, in a snapshot, becomes the blob.
fn link(id: &str, root: &Path, path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    #[cfg(unix)]
    {
        let _ = root;
        std::os::unix::fs::symlink(Path::new("../../blobs").join(id), path)
    }
    #[cfg(not(unix))]
    {
        let blob = root.join("blobs").join(id);
        fs::hard_link(&blob, path).or_else(|_| fs::copy(&blob, path).map(|_| ()))
    }
}

/// The folder that `--model` means: a folder, or a model of this name.
///
/// # Errors
/// [`HubError`].
///
/// ```
/// use mamba::hub::model_folder;
///
/// let here = env!("CARGO_MANIFEST_DIR");
/// assert_eq!(model_folder(here)?, std::path::Path::new(here));
/// let error = model_folder("no/such/folder").unwrap_err().to_string();
/// assert!(error.ends_with("found no folder no/such/folder"));
/// # Ok::<(), mamba::hub::HubError>(())
/// ```
pub fn model_folder(model: &str) -> Result<PathBuf, HubError> {
    let folder = Path::new(model);
    if folder.is_dir() {
        return Ok(folder.to_owned());
    }
    Hub::from_environment()?.folder(model).map_err(|error| match error {
        HubError::Download(reason) => HubError::Neither { name: model.to_owned(), reason },
        other => other,
    })
}
