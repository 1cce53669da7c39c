//! Files that are removed under a running hub, and files that root writes for it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{ask, call, free_port, with_policy};
use crate::support::{HubProcess, eventually};

/// The answers of `/v1/requests` and `/readyz`.
async fn state(hub: &HubProcess) -> ((u16, String), (u16, String)) {
    let log =
        |(status, body): (u16, serde_json::Value)| (status, body["detail"].as_str().unwrap_or_default().to_owned());
    (log(call(hub, "POST", "/v1/requests", &ask()).await), log(call(hub, "GET", "/readyz", &json!({})).await))
}

/// A hub whose database file with this suffix is removed by `remove`.
async fn without(ending: &str, remove: impl Fn(&Path)) -> (tempfile::TempDir, HubProcess) {
    let folder = tempfile::tempdir().unwrap();
    let hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    with_policy(&hub).await;
    assert_eq!(call(&hub, "POST", "/v1/requests", &ask()).await.0, 201);
    let file = folder.path().join(format!("countersign-data/countersign.db{ending}"));
    remove(&file);
    let ((asked, why), (ready, not_ready)) = state(&hub).await;
    let name = file.file_name().unwrap().to_str().unwrap();
    for (status, detail) in [(asked, why), (ready, not_ready)] {
        assert!(
            status == 503 && detail.contains(&format!("{name} was removed or replaced")),
            "{status}, {ending}: {detail}"
        );
    }
    (folder, hub)
}

#[tokio::test]
async fn nothing_is_written_into_a_removed_file() {
    for ending in ["", "-wal", "-shm", ".lock"] {
        let (_folder, hub) = without(ending, |file| fs::remove_file(file).unwrap()).await;
        hub.kill().await;
    }
    // Another file in its place.
    let (folder, hub) = without("", |file| {
        fs::copy(file, file.with_extension("backup")).unwrap();
        fs::rename(file.with_extension("backup"), file).unwrap();
    })
    .await;
    // A second hub, which would write into the file that the first one still reads, is stopped by the lock.
    let Err(error) = HubProcess::start(folder.path(), free_port(), &[]).await else { panic!("two hubs in one folder") };
    assert!(error.contains("another countersign process is using"), "{error}");
    hub.kill().await;
}

#[tokio::test]
async fn a_file_that_is_put_back_is_written_again() {
    let (folder, hub) = without("", |file| fs::rename(file, file.with_extension("away")).unwrap()).await;
    let Err(error) = HubProcess::start(folder.path(), free_port(), &[]).await else { panic!("two hubs in one folder") };
    assert!(error.contains("another countersign process is using"), "{error}");
    let file = folder.path().join("countersign-data/countersign.db");
    assert!(!file.exists(), "the second start leaves nothing behind");
    fs::rename(file.with_extension("away"), &file).unwrap();
    let ((asked, _), (ready, _)) = state(&hub).await;
    assert_eq!((asked, ready), (201, 200));
    hub.kill().await;
}

/// Needs to run as root, which can change the owner of files.
#[tokio::test]
async fn root_leaves_files_to_the_user_who_runs_the_hub() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    const SERVICE: u32 = 61_234;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("countersign-data");
    fs::create_dir(&data).unwrap();
    chown(&data, Some(SERVICE), Some(SERVICE)).unwrap();
    // An accidental start as root: the files it creates belong to the service's user.
    HubProcess::start(folder.path(), free_port(), &[]).await.unwrap().kill().await;
    for file in fs::read_dir(&data).unwrap() {
        let file = file.unwrap();
        let found = file.metadata().unwrap();
        let name = file.file_name();
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o077), (SERVICE, SERVICE, 0), "{}", name.display());
    }

    // A rotation keeps the owner, and a mode that allows a backup's group to read.
    let keys = data.join("keys.json");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o640)).unwrap();
    let mut rotate = Command::new(env!("CARGO_BIN_EXE_countersign"));
    rotate.current_dir(folder.path()).args(["keys", "rotate"]);
    assert!(rotate.output().unwrap().status.success());
    let found = fs::metadata(&keys).unwrap();
    assert_eq!((found.uid(), found.gid(), found.mode() & 0o777), (SERVICE, SERVICE, 0o640));

    // A user who can write in the folder and read the file, but cannot set the new file's owner, changes nothing.
    for path in [folder.path(), &data] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o644)).unwrap();
    let (before, names) = (fs::read(&keys).unwrap(), fs::read_dir(&data).unwrap().count());
    let refused = rotate.uid(SERVICE + 1).gid(SERVICE + 1).output().unwrap();
    let log = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && log.contains("keys.json") && log.contains("user 61234"), "{log}");
    assert_eq!((fs::read(&keys).unwrap(), fs::read_dir(&data).unwrap().count()), (before, names));
}

/// Links stay valid with the keys in memory, but the next start needs the file.
#[tokio::test]
async fn missing_keys_are_logged_once() {
    let folder = tempfile::tempdir().unwrap();
    let hub = HubProcess::start_logging(folder.path(), "info", &[]).await.unwrap();
    let keys = folder.path().join("countersign-data/keys.json");
    let kept = std::fs::read(&keys).unwrap();
    let lines = |says: &str| hub.log.lock().unwrap().iter().filter(|line| line.contains(says)).count();
    std::fs::remove_file(&keys).unwrap();
    eventually("it says so", || async { (lines("keys.json") > 0).then_some(()) }).await;
    assert!(hub.log.lock().unwrap().iter().any(|line| line.contains("restore it from a backup")));
    let before = lines("keys of links were reloaded");
    std::fs::write(&keys, kept).unwrap();
    eventually("and that they are back", || async { (lines("keys of links were reloaded") > before).then_some(()) })
        .await;
    assert_eq!(lines("was removed"), 1, "once");
    assert!(keys.exists(), "and no other file was created in its place");
}
