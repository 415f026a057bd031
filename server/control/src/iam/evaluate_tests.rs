use super::*;
use crate::iam::policy::PolicyKind;
use proptest::prelude::*;

const ACCOUNT: &str = "123456789012";
const OTHER: &str = "210987654321";

fn attached(layer: Layer, statements: &str) -> Attached {
    let kind = match layer {
        Layer::Resource => PolicyKind::Resource,
        Layer::Trust => PolicyKind::Trust,
        _ => PolicyKind::Identity,
    };
    let document = format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#);
    Attached {
        layer,
        holder: "holder".into(),
        name: "policy".into(),
        policy: Arc::new(Policy::parse(&document, kind).unwrap()),
    }
}

fn alice() -> Principal {
    Principal::User {
        account: ACCOUNT.into(),
        path: "/".into(),
        name: "alice".into(),
        id: "AIDAALICE".into(),
    }
}

fn session() -> Principal {
    Principal::Session {
        account: ACCOUNT.into(),
        path: "/app/".into(),
        role: "worker".into(),
        role_id: "AROAWORKER".into(),
        session: "s1".into(),
    }
}

fn root() -> Principal {
    Principal::Root {
        account: ACCOUNT.into(),
    }
}

fn ask(principal: &Principal, action: &str, resource: &str, policies: &Policies) -> Decision {
    let context = Context::of(principal, 1_800_000_000);
    evaluate(
        &Request {
            principal,
            action,
            resource,
            owner: ACCOUNT,
            context: &context,
        },
        policies,
    )
}

/// The EFS user guide's example: Alice may describe every file system, and change the security
/// groups of the mount targets of one.
#[test]
fn alice_may_manage_the_security_groups_of_one_file_system_only() {
    let policies = Policies {
        identity: vec![attached(
            Layer::Identity,
            r#"[{"Sid":"Stmt1","Effect":"Allow","Action":["elasticfilesystem:DescribeFileSystems"],"Resource":"*"},
                {"Sid":"Stmt2","Effect":"Allow","Action":["elasticfilesystem:ModifyMountTargetSecurityGroups","elasticfilesystem:DescribeMountTargetSecurityGroups"],
                 "Resource":"arn:aws:elasticfilesystem:us-west-2:123456789012:file-system/fs-12345678"},
                {"Sid":"Stmt3","Effect":"Allow","Action":["ec2:ModifyNetworkInterfaceAttribute","ec2:DescribeNetworkInterfaceAttribute"],"Resource":"*"}]"#,
        )],
        ..Policies::default()
    };
    let one = "arn:aws:elasticfilesystem:us-west-2:123456789012:file-system/fs-12345678";
    let other = "arn:aws:elasticfilesystem:us-west-2:123456789012:file-system/fs-87654321";
    for (action, resource, expected) in [
        ("elasticfilesystem:DescribeFileSystems", one, true),
        ("elasticfilesystem:DescribeFileSystems", other, true),
        ("elasticfilesystem:DescribeFileSystems", "*", true),
        (
            "elasticfilesystem:ModifyMountTargetSecurityGroups",
            one,
            true,
        ),
        (
            "elasticfilesystem:DescribeMountTargetSecurityGroups",
            one,
            true,
        ),
        (
            "elasticfilesystem:ModifyMountTargetSecurityGroups",
            other,
            false,
        ),
        (
            "elasticfilesystem:DescribeMountTargetSecurityGroups",
            other,
            false,
        ),
        ("elasticfilesystem:DescribeMountTargets", one, false),
        ("elasticfilesystem:DeleteFileSystem", one, false),
        ("ec2:ModifyNetworkInterfaceAttribute", "*", true),
        ("ec2:CreateNetworkInterface", "*", false),
    ] {
        let decision = ask(&alice(), action, resource, &policies);
        assert_eq!(decision.allowed, expected, "{action} {resource}");
    }
    let decision = ask(
        &alice(),
        "elasticfilesystem:ModifyMountTargetSecurityGroups",
        other,
        &policies,
    );
    assert_eq!(decision.because, Because::NothingAllows(Layer::Identity));
    assert_eq!(
        decision.message(
            &alice(),
            "elasticfilesystem:ModifyMountTargetSecurityGroups",
            other
        ),
        "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: \
         elasticfilesystem:ModifyMountTargetSecurityGroups on resource: \
         arn:aws:elasticfilesystem:us-west-2:123456789012:file-system/fs-87654321 because no \
         identity-based policy allows the elasticfilesystem:ModifyMountTargetSecurityGroups action"
    );
    let allowed = ask(
        &alice(),
        "elasticfilesystem:ModifyMountTargetSecurityGroups",
        one,
        &policies,
    );
    let Because::Allowed(by) = allowed.because else {
        panic!("{allowed:?}")
    };
    assert_eq!((by.index, by.sid.as_deref()), (1, Some("Stmt2")));
}

#[test]
fn root_may_do_everything_but_what_a_resource_policy_denies() {
    assert_eq!(
        ask(&root(), "efs:x", "*", &Policies::default()).because,
        Because::Root
    );
    let policies = Policies {
        resource: Some(attached(
            Layer::Resource,
            r#"{"Effect":"Deny","Principal":"*","Action":"efs:x"}"#,
        )),
        ..Policies::default()
    };
    let decision = ask(&root(), "efs:x", "arn:aws:a:b:c:d", &policies);
    assert!(decision.is_explicit_deny());
    assert!(
        decision
            .message(&root(), "efs:x", "r")
            .ends_with("with an explicit deny in a resource-based policy")
    );
    assert!(ask(&root(), "efs:y", "arn:aws:a:b:c:d", &policies).allowed);
}

/// IAM user guide, "Permissions boundaries": which grants of a resource's policy are limited.
#[test]
fn a_resource_policy_grants_past_other_layers_as_directly_as_it_names_the_principal() {
    let allow = r#"{"Effect":"Allow","Action":"a:b","Resource":"*"}"#;
    let nothing = r#"{"Effect":"Allow","Action":"x:y","Resource":"*"}"#;
    let role = "arn:aws:iam::123456789012:role/app/worker";
    let this = "arn:aws:sts::123456789012:assumed-role/worker/s1";
    let user = "arn:aws:iam::123456789012:user/alice";
    let account = "arn:aws:iam::123456789012:root";
    // (principal, Principal, identity, boundary, session) -> what decides
    for (principal, named, identity, boundary, with_session, expected) in [
        (alice(), user, nothing, Some(nothing), None, Ok(())),
        (alice(), "AIDAALICE", nothing, Some(nothing), None, Ok(())),
        (alice(), "*", nothing, Some(nothing), None, Ok(())),
        (alice(), account, nothing, None, None, Err(Layer::Identity)),
        (alice(), ACCOUNT, allow, None, None, Ok(())),
        (alice(), OTHER, nothing, None, None, Err(Layer::Identity)),
        (
            session(),
            this,
            nothing,
            Some(nothing),
            Some(nothing),
            Ok(()),
        ),
        (session(), role, nothing, Some(allow), Some(allow), Ok(())),
        (session(), role, nothing, None, None, Ok(())),
        (session(), "AROAWORKER", nothing, None, None, Ok(())),
        (
            session(),
            role,
            allow,
            Some(nothing),
            Some(allow),
            Err(Layer::Boundary),
        ),
        (
            session(),
            role,
            allow,
            Some(allow),
            Some(nothing),
            Err(Layer::Session),
        ),
        (
            session(),
            "*",
            nothing,
            None,
            Some(nothing),
            Err(Layer::Session),
        ),
        (
            session(),
            account,
            nothing,
            None,
            None,
            Err(Layer::Identity),
        ),
        (session(), account, allow, Some(allow), Some(allow), Ok(())),
    ] {
        let policies = Policies {
            identity: vec![attached(Layer::Identity, identity)],
            boundary: boundary.map(|text| attached(Layer::Boundary, text)),
            session: with_session.map(|text| vec![attached(Layer::Session, text)]),
            resource: Some(attached(
                Layer::Resource,
                &format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"{named}"}},"Action":"a:b"}}"#),
            )),
        };
        let decision = ask(&principal, "a:b", "arn:aws:a:b:c:d", &policies);
        match expected {
            Ok(()) => assert!(decision.allowed, "{principal} {named} {decision:?}"),
            Err(layer) => assert_eq!(
                decision.because,
                Because::NothingAllows(layer),
                "{principal} {named}"
            ),
        }
    }
}

#[test]
fn boundary_and_session_policy_limit_and_never_grant() {
    let allow = r#"{"Effect":"Allow","Action":"a:b","Resource":"*"}"#;
    let policies = Policies {
        boundary: Some(attached(Layer::Boundary, allow)),
        session: Some(vec![attached(Layer::Session, allow)]),
        ..Policies::default()
    };
    assert_eq!(
        ask(&session(), "a:b", "*", &policies).because,
        Because::NothingAllows(Layer::Identity)
    );
    let policies = Policies {
        identity: vec![attached(Layer::Identity, allow)],
        session: Some(Vec::new()),
        ..Policies::default()
    };
    assert_eq!(
        ask(&session(), "a:b", "*", &policies).because,
        Because::NothingAllows(Layer::Session)
    );
}

#[test]
fn the_anonymous_get_only_what_everybody_gets() {
    let resource = |principal: &str| Policies {
        identity: vec![attached(
            Layer::Identity,
            r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#,
        )],
        resource: Some(attached(
            Layer::Resource,
            &format!(r#"{{"Effect":"Allow","Principal":{principal},"Action":"a:b"}}"#),
        )),
        ..Policies::default()
    };
    assert!(ask(&Principal::Anonymous, "a:b", "*", &resource(r#""*""#)).allowed);
    assert!(
        ask(
            &Principal::Anonymous,
            "a:b",
            "*",
            &resource(r#"{"AWS":"*"}"#)
        )
        .allowed
    );
    for principal in [
        r#"{"AWS":"123456789012"}"#,
        r#"{"AWS":"arn:aws:iam::123456789012:user/alice"}"#,
    ] {
        assert_eq!(
            ask(&Principal::Anonymous, "a:b", "*", &resource(principal)).because,
            Because::NothingAllows(Layer::Resource)
        );
    }
    assert!(!ask(&Principal::Anonymous, "a:b", "*", &Policies::default()).allowed);
}

#[test]
fn not_principal_spares_only_who_is_listed_in_full() {
    let deny = |list: &str| Policies {
        identity: vec![attached(
            Layer::Identity,
            r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#,
        )],
        resource: Some(attached(
            Layer::Resource,
            &format!(r#"{{"Effect":"Deny","NotPrincipal":{{"AWS":{list}}},"Action":"a:b"}}"#),
        )),
        ..Policies::default()
    };
    let user = r#""arn:aws:iam::123456789012:user/alice""#;
    let account = r#""123456789012""#;
    let role = r#""arn:aws:iam::123456789012:role/app/worker""#;
    let this = r#""arn:aws:sts::123456789012:assumed-role/worker/s1""#;
    let resource = "arn:aws:a:b:c:d";
    assert!(
        ask(
            &alice(),
            "a:b",
            resource,
            &deny(&format!("[{user},{account}]"))
        )
        .allowed
    );
    assert!(!ask(&alice(), "a:b", resource, &deny(user)).allowed);
    assert!(!ask(&alice(), "a:b", resource, &deny(account)).allowed);
    assert!(
        ask(
            &session(),
            "a:b",
            resource,
            &deny(&format!("[{role},{account},{this}]"))
        )
        .allowed
    );
    assert!(
        !ask(
            &session(),
            "a:b",
            resource,
            &deny(&format!("[{role},{account}]"))
        )
        .allowed
    );
    assert!(ask(&root(), "a:b", resource, &deny(account)).allowed);
    assert!(!ask(&root(), "a:b", resource, &deny(user)).allowed);
    let mut bounded = deny(&format!("[{user},{account}]"));
    bounded.boundary = Some(attached(
        Layer::Boundary,
        r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#,
    ));
    assert!(
        !ask(&alice(), "a:b", resource, &bounded).allowed,
        "nobody with a boundary is spared"
    );
}

#[test]
fn across_accounts_both_sides_must_allow() {
    let stranger = Principal::User {
        account: OTHER.into(),
        path: "/".into(),
        name: "bob".into(),
        id: "AIDABOB".into(),
    };
    let identity = || {
        vec![attached(
            Layer::Identity,
            r#"{"Effect":"Allow","Action":"a:b","Resource":"*"}"#,
        )]
    };
    let resource = |named: &str| {
        Some(attached(
            Layer::Resource,
            &format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"{named}"}},"Action":"a:b"}}"#),
        ))
    };
    let asked = |identity, resource| {
        ask(
            &stranger,
            "a:b",
            "arn:aws:a:b:c:d",
            &Policies {
                identity,
                resource,
                ..Policies::default()
            },
        )
    };
    assert!(asked(identity(), resource(OTHER)).allowed);
    assert!(asked(identity(), resource("arn:aws:iam::210987654321:user/bob")).allowed);
    assert_eq!(
        asked(identity(), resource(ACCOUNT)).because,
        Because::NothingAllows(Layer::Resource)
    );
    assert_eq!(
        asked(identity(), None).because,
        Because::NothingAllows(Layer::Resource)
    );
    assert_eq!(
        asked(Vec::new(), resource(OTHER)).because,
        Because::NothingAllows(Layer::Identity)
    );
    let foreign_root = Principal::Root {
        account: OTHER.into(),
    };
    assert!(
        ask(
            &foreign_root,
            "a:b",
            "arn:aws:a:b:c:d",
            &Policies {
                resource: resource(OTHER),
                ..Policies::default()
            }
        )
        .allowed
    );
    assert!(
        !ask(
            &foreign_root,
            "a:b",
            "arn:aws:a:b:c:d",
            &Policies::default()
        )
        .allowed
    );
}

#[test]
fn a_role_is_assumed_by_whom_it_trusts() {
    let role = "arn:aws:iam::123456789012:role/app/worker";
    let allow = || {
        vec![attached(
            Layer::Identity,
            r#"{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::123456789012:role/app/*"}"#,
        )]
    };
    let trust = |named: &str, effect: &str| {
        Some(attached(
            Layer::Trust,
            &format!(
                r#"{{"Effect":"{effect}","Principal":{{"AWS":"{named}"}},"Action":"sts:AssumeRole"}}"#
            ),
        ))
    };
    let asked = |identity, resource| {
        let context = Context::of(&alice(), 0);
        evaluate_trust(
            &Request {
                principal: &alice(),
                action: "sts:AssumeRole",
                resource: role,
                owner: ACCOUNT,
                context: &context,
            },
            &Policies {
                identity,
                resource,
                ..Policies::default()
            },
        )
    };
    assert!(asked(allow(), trust(ACCOUNT, "Allow")).allowed);
    assert!(
        asked(
            Vec::new(),
            trust("arn:aws:iam::123456789012:user/alice", "Allow")
        )
        .allowed
    );
    assert_eq!(
        asked(Vec::new(), trust(ACCOUNT, "Allow")).because,
        Because::NothingAllows(Layer::Identity)
    );
    assert_eq!(
        asked(
            allow(),
            trust("arn:aws:iam::123456789012:user/bob", "Allow")
        )
        .because,
        Because::NothingAllows(Layer::Trust)
    );
    assert_eq!(
        asked(allow(), None).because,
        Because::NothingAllows(Layer::Trust)
    );
    assert!(asked(allow(), trust(ACCOUNT, "Deny")).is_explicit_deny());
}

/// AWS's own rules, written down slowly: every layer's verdict by itself, then the table.
fn model(request: &Request<'_>, policies: &Policies) -> bool {
    #[derive(PartialEq)]
    enum Verdict {
        Deny,
        Allow,
        Nothing,
    }
    let principal = request.principal;
    let verdict = |attached: &Attached, who: &dyn Fn(&Statement) -> bool| {
        let fits: Vec<&Statement> = attached
            .policy
            .statements
            .iter()
            .filter(|s| {
                s.covers(
                    &request.action.to_ascii_lowercase(),
                    request.resource,
                    request.context,
                )
            })
            .filter(|s| s.conditions_hold(request.context))
            .filter(|s| who(s))
            .collect();
        if fits.iter().any(|s| s.effect == Effect::Deny) {
            Verdict::Deny
        } else if fits.is_empty() {
            Verdict::Nothing
        } else {
            Verdict::Allow
        }
    };
    let everyone = |_: &Statement| true;
    let names = |grant: Grant| {
        move |s: &Statement| s.principal.as_ref().and_then(|p| p.allows(principal)) == Some(grant)
    };
    let mut denied = policies
        .identity
        .iter()
        .any(|p| verdict(p, &everyone) == Verdict::Deny);
    denied |= policies
        .boundary
        .iter()
        .any(|p| verdict(p, &everyone) == Verdict::Deny);
    denied |= policies
        .session
        .iter()
        .flatten()
        .any(|p| verdict(p, &everyone) == Verdict::Deny);
    let meant = |s: &Statement| {
        s.principal
            .as_ref()
            .is_some_and(|p| p.denies(principal, policies.boundary.is_some()))
    };
    denied |= policies
        .resource
        .iter()
        .any(|p| verdict(p, &meant) == Verdict::Deny);
    if denied {
        return false;
    }
    if matches!(principal, Principal::Root { .. }) {
        return true;
    }
    let granted = |grant| {
        policies
            .resource
            .iter()
            .any(|p| verdict(p, &names(grant)) == Verdict::Allow)
    };
    if granted(Grant::Direct) {
        return true;
    }
    let identity = policies
        .identity
        .iter()
        .any(|p| verdict(p, &everyone) == Verdict::Allow);
    let boundary = policies
        .boundary
        .as_ref()
        .is_none_or(|p| verdict(p, &everyone) == Verdict::Allow);
    let session = policies
        .session
        .as_ref()
        .is_none_or(|list| list.iter().any(|p| verdict(p, &everyone) == Verdict::Allow));
    (identity || granted(Grant::Role)) && boundary && session
}

fn statements(with_principal: bool) -> impl Strategy<Value = String> {
    let one = (
        prop_oneof![Just("Allow"), Just("Allow"), Just("Deny")],
        prop_oneof![Just("Action"), Just("Action"), Just("NotAction")],
        prop_oneof![Just("a:b"), Just("a:*"), Just("x:y"), Just("*")],
        prop_oneof![Just("Resource"), Just("NotResource")],
        prop_oneof![
            Just("*"),
            Just("arn:aws:a:b:c:d"),
            Just("arn:aws:a:*:c:other"),
            Just("arn:aws:a:b:c:${aws:username}")
        ],
        prop_oneof![
            Just(""),
            Just(""),
            Just(r#","Condition":{"StringEquals":{"aws:username":"alice"}}"#),
            Just(r#","Condition":{"StringNotEquals":{"aws:username":"alice"}}"#),
            Just(r#","Condition":{"Null":{"aws:username":"false"}}"#),
        ],
        prop_oneof![Just("Principal"), Just("Principal"), Just("NotPrincipal")],
        prop_oneof![
            Just(r#""*""#),
            Just(r#"{"AWS":"123456789012"}"#),
            Just(r#"{"AWS":["arn:aws:iam::123456789012:user/alice","123456789012"]}"#),
            Just(r#"{"AWS":"arn:aws:iam::123456789012:role/app/worker"}"#),
            Just(r#"{"AWS":"arn:aws:sts::123456789012:assumed-role/worker/s1"}"#),
            Just(r#"{"Service":"ec2.amazonaws.com"}"#),
        ],
    );
    prop::collection::vec(one, 1..3).prop_map(move |list| {
        let list: Vec<String> = list.into_iter().map(|(effect, action, a, resource, r, condition, who, p)| {
            let principal = if with_principal { format!(r#""{who}":{p},"#) } else { String::new() };
            format!(r#"{{"Effect":"{effect}",{principal}"{action}":"{a}","{resource}":"{r}"{condition}}}"#)
        }).collect();
        format!("[{}]", list.join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn evaluation_agrees_with_the_model(
        who in 0..3,
        identity in prop::collection::vec(statements(false), 0..3),
        boundary in prop::option::of(statements(false)),
        session_policy in prop::option::of(prop::collection::vec(statements(false), 0..2)),
        resource in prop::option::of(statements(true)),
        action in prop_oneof![Just("a:b"), Just("A:B"), Just("x:y")],
        on in prop_oneof![Just("arn:aws:a:b:c:d"), Just("arn:aws:a:b:c:alice"), Just("*")],
    ) {
        let principal = match who { 0 => alice(), 1 => session(), _ => root() };
        let policies = Policies {
            identity: identity.iter().map(|s| attached(Layer::Identity, s)).collect(),
            boundary: boundary.map(|s| attached(Layer::Boundary, &s)),
            session: session_policy.map(|list| list.iter().map(|s| attached(Layer::Session, s)).collect()),
            resource: resource.map(|s| attached(Layer::Resource, &s)),
        };
        let context = Context::of(&principal, 0);
        let request = Request { principal: &principal, action, resource: on, owner: ACCOUNT, context: &context };
        prop_assert_eq!(evaluate(&request, &policies).allowed, model(&request, &policies));
    }
}
