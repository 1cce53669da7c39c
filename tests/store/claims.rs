//! Members by the values of the groups claim that they signed in with.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use countersign::approval::{Email, GroupName, Membership};
use countersign::store::claims::{self, Moved};
use countersign::store::groups::{self, Group};
use countersign::store::{Session, Store};

use super::at;
use crate::support::{Database, on_both};

fn email(name: &str) -> Email {
    format!("{name}@example.com").parse().unwrap()
}

fn name(name: &str) -> GroupName {
    name.parse().unwrap()
}

fn values(values: &[&str]) -> BTreeSet<String> {
    values.iter().copied().map(str::to_owned).collect()
}

fn group(name: &str, members: &[&str], from_claim: &[&str]) -> Group {
    Group {
        name: name.parse().unwrap(),
        members: members.iter().map(|name| email(name)).collect(),
        from_claim: values(from_claim),
        managed_by: None,
    }
}

async fn with_groups(database: &Database, groups: Vec<Group>) -> Store {
    let store = Store::open(&database.url).await.unwrap();
    put(&store, groups).await;
    store
}

async fn put(store: &Store, groups: Vec<Group>) {
    write!(store, |session| {
        for group in &groups {
            groups::put(session, group, at(1)).await?;
        }
        Ok(())
    })
    .unwrap();
}

async fn sign_in(store: &Store, person: &str, had: &[&str], second: i64) -> Moved {
    let (person, had) = (email(person), values(had));
    write!(store, |session| claims::replace(session, &person, &had, at(second)).await).unwrap()
}

/// The members of a group with their memberships.
async fn members(session: &mut Session, group: &str) -> BTreeMap<String, Membership> {
    let roster = groups::roster(session, [&name(group)]).await.unwrap();
    let short = |person: &Email| person.as_str().trim_end_matches("@example.com").to_owned();
    roster.memberships(&name(group)).map(|(person, membership)| (short(person), membership)).collect()
}

/// Fresh until an hour after this second.
fn until(second: i64) -> Membership {
    Membership::Until(at(second) + Duration::from_secs(3_600))
}

on_both! {
    async fn both_kinds_of_members_are_read(database: Database) {
        let dba = group("dba", &["dana", "erik"], &["db-admins", "db-leads"]);
        let store = with_groups(&database, vec![dba.clone(), group("ops", &[], &["ops"])]).await;
        store.set_groups_max_age(Duration::from_secs(3_600));
        sign_in(&store, "erik", &["db-admins"], 5).await;
        sign_in(&store, "fay", &["db-admins", "db-leads", "ops"], 7).await;
        let session = &mut store.read().await.unwrap();
        let all = [("dana", Membership::Listed), ("erik", Membership::Listed), ("fay", until(7))];
        assert_eq!(members(session, "dba").await, all.map(|(who, how)| (who.to_owned(), how)).into());
        assert_eq!(groups::get(session, &name("dba")).await.unwrap(), Some(dba.clone()), "as it was put");
        assert_eq!(groups::page(session, "", 9).await.unwrap()[0], dba);
        let (erik, fay) = (email("erik"), email("fay"));
        let (dba, ops) = (name("dba"), name("ops"));
        let some = groups::roster_of(session, [&dba, &ops], &BTreeSet::from([&erik, &fay])).await.unwrap();
        assert_eq!(some.members(&dba).collect::<Vec<_>>(), [&erik, &fay]);
        assert_eq!(some.memberships(&ops).collect::<Vec<_>>(), [(&fay, until(7))]);
        assert_eq!(groups::of_person(session, &fay).await.unwrap(), BTreeSet::from([dba.clone(), ops]));
        assert_eq!(groups::memberships_of(session, &erik).await.unwrap(), [(dba.clone(), Membership::Listed)].into());
        let named = groups::named_members(session, [&dba]).await.unwrap();
        let named: Vec<_> = named.iter().map(|member| (member.name.as_str(), member.membership)).collect();
        let expected = [("dana", Membership::Listed), ("erik", Membership::Listed), ("fay", until(7))];
        assert_eq!(named, expected.map(|(who, how)| (email(who).to_string(), how)).iter().map(|(who, how)| (who.as_str(), *how)).collect::<Vec<_>>());
    }

    async fn a_sign_in_replaces_the_values_of_the_one_before(database: Database) {
        let store = with_groups(&database, vec![group("dba", &[], &["db-admins", "db-leads"]), group("ops", &[], &["ops"])]).await;
        store.set_groups_max_age(Duration::from_secs(3_600));
        let version = async || store.lookup().version();
        let moved = |came: &[&str], went: &[&str]| Moved {
            came: came.iter().map(|group| name(group)).collect(),
            went: went.iter().map(|group| name(group)).collect(),
            ..Moved::default()
        };
        let before = version().await;
        assert_eq!(sign_in(&store, "fay", &["db-admins"], 5).await, moved(&["dba"], &[]));
        assert!(version().await > before, "cached groups are outdated");
        let before = version().await;
        assert_eq!(sign_in(&store, "fay", &["db-admins"], 6).await, Moved::default());
        assert_eq!(sign_in(&store, "fay", &["db-leads"], 7).await, Moved::default(), "by another value of the group");
        assert_eq!(sign_in(&store, "sam", &[], 7).await, Moved::default());
        assert_eq!(version().await, before, "the same groups leave cached configuration as it is");
        assert_eq!(members(&mut store.read().await.unwrap(), "dba").await, [("fay".to_owned(), until(7))].into());
        assert_eq!(sign_in(&store, "fay", &["ops"], 8).await, moved(&["ops"], &["dba"]));
        assert!(version().await > before);
        assert_eq!(sign_in(&store, "fay", &[], 9).await, moved(&[], &["ops"]));
        assert_eq!(groups::of_person(&mut store.read().await.unwrap(), &email("fay")).await.unwrap(), BTreeSet::new());
    }

    async fn values_end_with_the_group_that_names_them(database: Database) {
        let store = with_groups(&database, vec![group("dba", &[], &["db-admins"]), group("ops", &[], &["db-admins", "ops"])]).await;
        let session = async || store.read().await.unwrap();
        let wanted = values(&["db-admins", "others", "ops"]);
        assert_eq!(claims::named(&mut session().await, &wanted).await.unwrap(), values(&["db-admins", "ops"]));
        sign_in(&store, "fay", &["db-admins"], 5).await;
        put(&store, vec![group("ops", &[], &["ops"])]).await;
        let fay = email("fay");
        assert_eq!(groups::of_person(&mut session().await, &fay).await.unwrap(), BTreeSet::from([name("dba")]));
        write!(store, |session| groups::delete(session, &name("dba")).await).unwrap();
        assert_eq!(claims::named(&mut session().await, &wanted).await.unwrap(), values(&["ops"]));
        put(&store, vec![group("dba", &[], &["db-admins"])]).await;
        assert_eq!(members(&mut session().await, "dba").await.len(), 1, "by the sign-in that the hub remembers");
        let gone = fay.clone();
        write!(store, |session| groups::remove_person(session, &gone).await).unwrap();
        assert_eq!(groups::of_person(&mut session().await, &fay).await.unwrap(), BTreeSet::new());
    }

    async fn cached_groups_of_a_person_know_of_a_later_sign_in(database: Database) {
        let store = with_groups(&database, vec![group("dba", &[], &["db-admins"])]).await;
        store.set_groups_max_age(Duration::from_secs(3_600));
        sign_in(&store, "fay", &["db-admins"], 5).await;
        let fay = email("fay");
        let known = async |second| store.lookup().groups_of(&fay, at(second)).await.unwrap().get(&name("dba")).copied();
        assert_eq!(known(6).await, Some(until(5)));
        sign_in(&store, "fay", &["db-admins"], 100).await;
        assert_eq!(known(3_604).await, Some(until(5)), "cached, and not old yet");
        assert_eq!(known(3_605).await, Some(until(100)), "read again when it would be old");
        assert_eq!(known(9_999).await, Some(until(100)));
        sign_in(&store, "fay", &[], 200).await;
        assert_eq!(known(300).await, None, "who has left is not in the cache");
    }

    async fn thousands_of_values_are_replaced(database: Database) {
        let many: Vec<String> = (0..2_000).map(|number| format!("v{number:04}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let store = with_groups(&database, vec![group("dba", &[], &many)]).await;
        assert_eq!(claims::named(&mut store.read().await.unwrap(), &values(&many)).await.unwrap().len(), 2_000);
        for had in [&many[..], &many[1_990..], &many[..10], &[]] {
            let moved = sign_in(&store, "fay", had, 5).await;
            assert_eq!(moved.came.len() + moved.went.len(), usize::from(had.len() == 2_000 || had.is_empty()));
        }
    }
}
