//! Do several instances of the engine share the folder?

use ese::{Checkpoint, Signature};

use super::survey::{Survey, head};

/// Names of the files of each instance: each has a log stream, logs of it, and a database that belongs to it.
/// Nothing where there are not several.
pub(super) fn of(survey: &Survey) -> Vec<Vec<String>> {
    let databases = survey.database_files();
    let databases = databases.filter_map(|file| Some((file.database()?.header.log_signature, &file.name)));
    let databases: Vec<_> = databases.filter(|(stream, _)| stream.is_set()).collect();
    let logs = survey.log_files().filter_map(|file| Some((file.log()?.header.signature, &file.name)));
    let logs: Vec<_> = logs.collect();
    let checkpoints = survey.checkpoints().filter_map(|file| {
        let checkpoint = Checkpoint::parse(&head(&file.path).ok()?).ok()?;
        Some((checkpoint.log_signature, &file.name))
    });
    let checkpoints: Vec<_> = checkpoints.collect();
    let mut streams: Vec<Signature> = Vec::new();
    for (stream, _) in &databases {
        if !streams.contains(stream) && logs.iter().any(|(own, _)| own == stream) {
            streams.push(*stream);
        }
    }
    if streams.len() < 2 {
        return Vec::new();
    }
    let names = |stream: Signature| {
        let files = databases.iter().chain(&checkpoints).chain(&logs);
        files.filter(|(own, _)| *own == stream).map(|(_, name)| (*name).clone()).collect()
    };
    streams.into_iter().map(names).collect()
}
