//! Servers on the loopback interface that reply, or do not.

use std::sync::atomic::{AtomicU64, Ordering};

use hickory_proto::op::ResponseCode;
use tokio::task::JoinHandle;

use super::*;

fn zone() -> Name {
    Name::from_ascii("cluster.local.").unwrap()
}

/// A server that says nothing until it is told to.
async fn silent() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

/// Lets a server answer everything like this.
fn serve(socket: UdpSocket, reply: fn(&Message) -> Vec<u8>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut buffer = [0; REPLY];
        loop {
            let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
            let question = Message::from_vec(&buffer[..length]).unwrap();
            socket.send_to(&reply(&question), client).await.unwrap();
        }
    })
}

/// A reply without records.
fn with_code(question: &Message, code: ResponseCode) -> Vec<u8> {
    let mut reply = Message::response(question.metadata.id, OpCode::Query);
    reply.queries = question.queries.clone();
    reply.metadata.response_code = code;
    reply.to_vec().unwrap()
}

async fn is_reached(reply: fn(&Message) -> Vec<u8>) -> Option<bool> {
    let socket = silent().await;
    let address = socket.local_addr().unwrap();
    let _served = serve(socket, reply);
    round(vec![address], &zone()).await
}

#[tokio::test]
async fn whatever_a_server_replies_it_is_there() {
    let denied = is_reached(|question| with_code(question, ResponseCode::NXDomain));
    assert_eq!(denied.await, Some(true));
    let failed = is_reached(|question| with_code(question, ResponseCode::ServFail));
    assert_eq!(failed.await, Some(true));
    let refused = is_reached(|question| with_code(question, ResponseCode::Refused));
    assert_eq!(refused.await, Some(true));
}

#[tokio::test]
async fn what_is_no_reply_to_the_question_proves_nothing() {
    let echoed = is_reached(|question| question.to_vec().unwrap());
    let garbage = is_reached(|_| vec![0xff; 40]);
    let other = is_reached(|question| {
        let mut reply = with_code(question, ResponseCode::NoError);
        reply[0] ^= 1;
        reply
    });
    let all = tokio::join!(echoed, garbage, other);
    assert_eq!(all, (Some(false), Some(false), Some(false)));
}

#[tokio::test]
async fn one_server_of_many_that_replies_is_enough_and_one_that_is_not_there_is_none() {
    let silent_one = silent().await;
    let gone = silent().await;
    let gone_address = gone.local_addr().unwrap();
    drop(gone);
    let dead = vec![silent_one.local_addr().unwrap(), gone_address];
    assert_eq!(round(dead.clone(), &zone()).await, Some(false));
    let alive = silent().await;
    let servers = [dead, vec![alive.local_addr().unwrap()]].concat();
    let _served = serve(alive, |question| with_code(question, ResponseCode::NoError));
    assert_eq!(round(servers, &zone()).await, Some(true));
    assert_eq!(round(Vec::new(), &zone()).await, None);
}

#[test]
fn no_name_is_asked_for_twice_and_all_lie_where_the_kernel_answers_nothing() {
    let names = [(), ()].map(|()| question(&zone()).unwrap().queries[0].name().to_string());
    assert_ne!(names[0], names[1]);
    for name in names {
        assert!(name.starts_with("ns.dns.reached-"), "{name}");
        assert!(name.ends_with(".cluster.local."), "{name}");
    }
}

#[test]
fn the_dns_service_itself_is_always_asked_and_of_many_servers_some() {
    let address = |number: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, number));
    let service = vec![address(1), address(2)];
    let servers: Vec<SocketAddr> = (100..200).map(address).collect();
    let asked = chosen(service.clone(), servers.clone());
    assert_eq!(asked.len(), ASKED);
    assert!(asked.starts_with(&service), "{asked:?}");
    let others = (0..20).flat_map(|_| chosen(service.clone(), servers.clone()));
    let others: std::collections::BTreeSet<SocketAddr> = others.collect();
    assert!(others.len() > 2 * ASKED, "always the same: {others:?}");
}

#[test]
fn the_first_reply_after_silence_is_remembered_and_silence_by_when_it_was_asked_into() {
    let again = |again| Servers::Reached { again };
    let silence = after(Servers::NotAsked, Some(false), 10, 13);
    assert_eq!(silence, Servers::Unreached { asked: 10 });
    assert_eq!(after(silence, Some(true), 18, 19), again(Some(19)));
    assert_eq!(after(again(Some(19)), Some(true), 24, 25), again(Some(19)));
    assert_eq!(after(Servers::NotAsked, Some(true), 10, 11), again(None));
    assert_eq!(after(silence, None, 18, 18), Servers::NotAsked);
}

#[tokio::test]
async fn servers_are_asked_again_until_they_reply_and_no_more_once_nobody_listens() {
    let socket = silent().await;
    let asked = Asked {
        service: vec![socket.local_addr().unwrap()],
        servers: Vec::new(),
        zone: zone(),
    };
    let (asked_sender, asked) = watch::channel(asked);
    let (told_sender, mut told) = watch::channel(Servers::NotAsked);
    let clock = AtomicU64::new(1);
    let asking = tokio::spawn(ask(asked, told_sender, move || {
        clock.fetch_add(1, Ordering::Relaxed)
    }));
    told.changed().await.unwrap();
    let silence = *told.borrow_and_update();
    assert!(matches!(silence, Servers::Unreached { .. }), "{silence:?}");
    let served = serve(socket, |question| {
        with_code(question, ResponseCode::NXDomain)
    });
    let is_reached = |told: &Servers| matches!(told, Servers::Reached { again: Some(_) });
    told.wait_for(is_reached).await.unwrap();
    served.abort();
    drop(told);
    asking.await.unwrap();
    drop(asked_sender);
}
