//! What receivers are still to be told.
//!
//! A letter is stored with the alert that it tells of, in one transaction, so no crash comes between; it goes only
//! when the receiver has taken it, so it is delivered at least once. There is one letter for a receiver and an alert at
//! most: news of the same alert take its place, which bounds what waits for a receiver that is away.

use std::time::Duration;

use redb::{ReadableTable, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::rows::after;
use super::tables::{Bytes, LETTERS, Pair, RECEIVERS, UNDELIVERED, Word, WriteTable};
use super::{Rows, Snapshot, Store, StoreError, codec};
use crate::alert::{Fate, Letter, Notice, Receiver, Reception, Refusal, Whose};
use crate::model::Instant;

/// How long an alert that is over, and a letter that was given up, can still be looked at.
pub(super) const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// As many letters are handed out at a time: reading them all again for each would cost more than sending it.
const MANY: usize = 200;

/// A receiver, and how it stands with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mailbox {
    #[serde(flatten)]
    pub receiver: Receiver,
    #[serde(flatten)]
    pub reception: Reception,
}

/// A letter that was given up, and whose it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undelivered {
    pub receiver: String,
    #[serde(flatten)]
    pub letter: Letter,
}

impl Store {
    /// Takes note of the receivers there are. What others were still to be told is given up.
    ///
    /// # Errors
    /// When the file cannot be read or written, as for every function here.
    pub fn enlist(&self, receivers: &[Receiver], now: Instant) -> Result<(), StoreError> {
        let known = self.snapshot()?.mailboxes()?;
        if known.iter().map(|it| &it.receiver).eq(receivers) {
            return Ok(());
        }
        self.write(now, |transaction| {
            let mut table = transaction.open_table(RECEIVERS)?;
            table.retain(|_, _| false)?;
            for receiver in receivers {
                let before = known.iter().find(|it| it.receiver.name == receiver.name);
                let reception = before.map(|it| it.reception.clone()).unwrap_or_default();
                let mailbox = Mailbox { receiver: receiver.clone(), reception };
                table.insert(receiver.name.as_str(), codec::json(&mailbox)?.as_slice())?;
            }
            let is_known = |name: &str| receivers.iter().any(|it| it.name == name);
            let mut letters = transaction.open_table(LETTERS)?;
            let mut undelivered = transaction.open_table(UNDELIVERED)?;
            for row in letters.extract_if(|(name, _), _| !is_known(name))? {
                let (key, value) = row?;
                let Some(letter) = get::<Letter>(Some(value)) else { continue };
                let failure = Some("its webhook is not configured any more".to_owned());
                put(&mut undelivered, key.value(), &Letter { failure, ..letter })?;
            }
            Ok(())
        })
    }

    /// Takes note of what a receiver did with a letter; returns when that one is tried again.
    pub fn handed_over(
        &self,
        receiver: &Receiver,
        letter: &Letter,
        outcome: Result<(), Refusal>,
        now: Instant,
    ) -> Result<Option<Instant>, StoreError> {
        self.write(now, |transaction| {
            let mut receivers = transaction.open_table(RECEIVERS)?;
            let Some(mailbox) = get::<Mailbox>(receivers.get(receiver.name.as_str())?) else {
                return Ok(None);
            };
            let is_gone = outcome.as_ref().is_err_and(|refusal| refusal.whose == Whose::Gone);
            let reception = mailbox.reception.after(&outcome, now);
            let mailbox = Mailbox { reception, ..mailbox };
            receivers.insert(receiver.name.as_str(), codec::json(&mailbox)?.as_slice())?;
            let alert = letter.notice.alert.identity.key();
            let key = (receiver.name.as_str(), alert.as_str());
            let mut letters = transaction.open_table(LETTERS)?;
            let mut undelivered = transaction.open_table(UNDELIVERED)?;
            let Some(waiting) = get::<Letter>(letters.get(key)?) else { return Ok(None) };
            match outcome {
                Ok(()) => {
                    // What was given up before was about the same alert, and older.
                    undelivered.remove(key)?;
                    match waiting == *letter {
                        true => drop(letters.remove(key)?),
                        // News came while it was on its way.
                        false => put(&mut letters, key, &Letter::new(waiting.notice, now))?,
                    }
                    Ok(None)
                }
                Err(refusal) => match waiting.refused(refusal, receiver, now) {
                    Fate::Retry(letter) => {
                        put(&mut letters, key, &letter)?;
                        Ok(Some(letter.not_before))
                    }
                    Fate::GiveUp(letter) => {
                        letters.remove(key)?;
                        put(&mut undelivered, key, &letter)?;
                        if is_gone {
                            give_up_all(&mut letters, &mut undelivered, key.0, &letter)?;
                        }
                        Ok(None)
                    }
                },
            }
        })
    }

    /// Tries again what was given up, of one receiver or all; returns how many letters that are, or `None` when there
    /// is no such receiver.
    pub fn redeliver(
        &self,
        receiver: Option<&str>,
        now: Instant,
    ) -> Result<Option<usize>, StoreError> {
        self.write(now, |transaction| {
            let mut meant = mailboxes(&transaction.open_table(RECEIVERS)?)?;
            meant.retain(|it| receiver.is_none_or(|name| name == it.receiver.name));
            if receiver.is_some() && meant.is_empty() {
                return Ok(None);
            }
            let mut letters = transaction.open_table(LETTERS)?;
            let mut undelivered = transaction.open_table(UNDELIVERED)?;
            let is_meant = |name: &str| meant.iter().any(|it| it.receiver.name == name);
            let mut count = 0;
            for row in undelivered.extract_if(|(name, _), _| is_meant(name))? {
                let (key, value) = row?;
                let Some(letter) = get::<Letter>(Some(value)) else { continue };
                count += 1;
                if letters.get(key.value())?.is_none() {
                    put(&mut letters, key.value(), &Letter::new(letter.notice, now))?;
                }
            }
            Ok(Some(count))
        })
    }
}

/// Gives up whatever waits for a receiver that is gone, without asking it again.
fn give_up_all(
    letters: &mut Table<'_>,
    undelivered: &mut Table<'_>,
    receiver: &str,
    last: &Letter,
) -> Result<(), StoreError> {
    for row in letters.extract_if(|(name, _), _| name == receiver)? {
        let (key, value) = row?;
        let Some(letter) = get::<Letter>(Some(value)) else { continue };
        let letter = Letter { failure: last.failure.clone(), ..letter };
        put(undelivered, key.value(), &letter)?;
    }
    Ok(())
}

/// Writes letters about alerts that changed, to everybody who wants to hear of them.
pub(super) fn post(
    transaction: &WriteTransaction,
    notices: impl IntoIterator<Item = Notice>,
    now: Instant,
) -> Result<(), StoreError> {
    let mailboxes = mailboxes(&transaction.open_table(RECEIVERS)?)?;
    let mut letters = transaction.open_table(LETTERS)?;
    for notice in notices {
        let alert = notice.alert.identity.key();
        for Mailbox { receiver, .. } in &mailboxes {
            if receiver.wants(&notice.alert) {
                let key = (receiver.name.as_str(), alert.as_str());
                let waiting = get::<Letter>(letters.get(key)?);
                let letter = Letter::new(notice.clone(), now).instead_of(waiting);
                put(&mut letters, key, &letter)?;
            }
        }
    }
    Ok(())
}

/// Forgets what was given up long ago.
pub(super) fn forget(transaction: &WriteTransaction, now: Instant) -> Result<(), StoreError> {
    let mut undelivered = transaction.open_table(UNDELIVERED)?;
    undelivered.retain(|_, value| {
        let letter = serde_json::from_slice::<Letter>(value);
        letter.is_ok_and(|letter| now.since(letter.queued) < KEPT)
    })?;
    Ok(())
}

type Table<'t> = WriteTable<'t, Pair>;
type Value<'v> = redb::AccessGuard<'v, Bytes>;

fn put(table: &mut Table<'_>, key: (&str, &str), letter: &Letter) -> Result<(), StoreError> {
    table.insert(key, codec::json(letter)?.as_slice())?;
    Ok(())
}

fn mailboxes(table: &impl ReadableTable<Word, Bytes>) -> Result<Vec<Mailbox>, StoreError> {
    let rows = table.iter()?.map(|row| {
        let (name, value) = row?;
        codec::read_json(value.value(), "a receiver", name.value())
    });
    Rows::new(rows).collect()
}

fn letter((receiver, alert): (&str, &str), value: &[u8]) -> Result<Letter, StoreError> {
    let key = || format!("{receiver}, alert {alert}");
    serde_json::from_slice(value).map_err(|_| StoreError::damaged("a letter", key()))
}

/// What does not decode is as if it were not there; `verify` names it.
fn get<T: DeserializeOwned>(value: Option<Value<'_>>) -> Option<T> {
    serde_json::from_slice(value?.value()).ok()
}

impl Snapshot {
    /// The receivers there are, by name.
    ///
    /// # Errors
    /// When the file cannot be read, as for every function here.
    pub fn mailboxes(&self) -> Result<Vec<Mailbox>, StoreError> {
        mailboxes(self.tables.receivers()?)
    }

    /// The letters of a receiver's lane that may be tried now, in their order; some, where there are many.
    pub fn due_letters(
        &self,
        receiver: &str,
        served: bool,
        now: Instant,
    ) -> Result<Vec<Letter>, StoreError> {
        let mut due = self.letters_of(receiver)?;
        due.retain(|it| it.notice.alert.served == served && it.not_before <= now);
        due.sort_by_key(|it| (it.not_before, it.queued));
        due.truncate(MANY);
        Ok(due)
    }

    /// Returns what a receiver is still to be told.
    pub fn letters_of(&self, receiver: &str) -> Result<Vec<Letter>, StoreError> {
        let end = after(receiver);
        let range = self.tables.letters()?.range((receiver, "")..(end.as_str(), ""))?;
        let letters = range.map(|row| {
            let (key, value) = row?;
            letter(key.value(), value.value())
        });
        Rows::new(letters).collect()
    }

    /// Returns what was given up.
    pub fn undelivered(&self) -> Result<Vec<Undelivered>, StoreError> {
        let rows = self.tables.undelivered()?.iter()?.map(|row| {
            let (key, value) = row?;
            let letter = letter(key.value(), value.value())?;
            Ok(Undelivered { receiver: key.value().0.to_owned(), letter })
        });
        Rows::new(rows).collect()
    }

    /// Whether every letter and receiver can be read.
    pub(super) fn letters_are_sound(&self) -> Result<bool, StoreError> {
        let mut sound = true;
        for row in self.tables.receivers()?.iter()? {
            sound &= get::<Mailbox>(Some(row?.1)).is_some();
        }
        for table in [self.tables.letters()?, self.tables.undelivered()?] {
            for row in table.iter()? {
                sound &= get::<Letter>(Some(row?.1)).is_some();
            }
        }
        Ok(sound)
    }
}
