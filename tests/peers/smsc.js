'use strict';
// A message centre on node-smpp, for tests.
//
// usage: node smsc.js OPTIONS.json
//
// Options, all but `port` and `journal` with a default:
//   port, system_id, password   where and for whom it takes binds, on loopback
//   journal                     a file of JSON lines; see below
//   response_id, receipt_id     how ids are written: a name of ID_FORMS
//   receipt                     "text", "tlv", "both" or "none"
//   delay                       seconds from a submit to its receipt
//   early                       the receipt comes before the response
//   twice                       each receipt comes twice
//   window                      deliver_sm without an answer, a session
//
// It prints `ready` when it listens. The journal has a line for each bind, each submit
// (before it is answered) and each receipt that was acknowledged. It survives a kill:
// the next process reads it, goes on counting, and sends again, after a bind, every
// receipt that was not acknowledged.

const fs = require('fs');
const readline = require('readline');
const smpp = require('smpp');

const DEFAULTS = {
  system_id: 'test', password: 'test', response_id: 'dec', receipt_id: 'dec',
  receipt: 'both', delay: 0.2, early: false, twice: false, window: 200,
};
const ID_FORMS = {
  dec: (id) => String(id),
  hex: (id) => id.toString(16),
  HEX: (id) => id.toString(16).toUpperCase(),
  dec10: (id) => String(id).padStart(10, '0'),
  hex8: (id) => id.toString(16).padStart(8, '0'),
};
const FIRST_ID = 1000000000;
const DELIVERED = 2;
const RECEIPT_CLASS = 0x04;
const AGAIN = 1000; // ms until a receipt that was refused is sent again

const options = { ...DEFAULTS, ...JSON.parse(fs.readFileSync(process.argv[2])) };
const journal = fs.openSync(options.journal, 'a+');
const sessions = new Set(); // those that take receipts
const due = []; // {id, source, recipient, at}, in the order of `at`
let lastId = FIRST_ID;

function note(line) {
  fs.writeSync(journal, JSON.stringify(line) + '\n');
}

// Take up what an earlier process left.
function recover() {
  const open = new Map();
  for (const line of fs.readFileSync(options.journal, 'utf8').split('\n')) {
    if (!line) continue;
    const { event, ...row } = JSON.parse(line);
    if (event === 'submit') {
      lastId = Math.max(lastId, row.id);
      if (row.wants_receipt) open.set(row.id, row);
    } else if (event === 'receipted') {
      open.delete(row.id);
    }
  }
  for (const { id, source, recipient } of open.values()) {
    due.push({ id, source, recipient, at: 0 });
  }
}

// node-smpp decodes a text in place; keep the octets too.
const filter = smpp.commands.submit_sm.params.short_message.filter;
smpp.commands.submit_sm.params.short_message.filter = {
  encode: filter.encode,
  decode(value) {
    if (Buffer.isBuffer(value)) Object.defineProperty(this, 'octets', { value });
    return filter.decode.call(this, value);
  },
};

function tlvs(pdu) {
  const found = {};
  for (const [name, value] of Object.entries(pdu)) {
    if (name in smpp.commands.submit_sm.params) continue;
    if (name in smpp.tlvs) {
      found[name] = Buffer.isBuffer(value) ? value.toString('hex') : value;
    }
  }
  return found;
}

function noteSubmit(id, pdu) {
  note({
    event: 'submit', id,
    source: pdu.source_addr,
    source_ton: pdu.source_addr_ton, source_npi: pdu.source_addr_npi,
    recipient: pdu.destination_addr,
    esm_class: pdu.esm_class, data_coding: pdu.data_coding,
    protocol_id: pdu.protocol_id,
    wants_receipt: (pdu.registered_delivery & 3) === 1 && options.receipt !== 'none',
    short_message: pdu.octets.toString('hex'),
    text: pdu.short_message.message, // as node-smpp reads it
    tlvs: tlvs(pdu),
  });
}

function stamp(at) {
  return new Date(at).toISOString().replace(/[-T:]/g, '').slice(2, 12);
}

function receipt(row) {
  const id = ID_FORMS[options.receipt_id](row.id);
  const pdu = {
    source_addr: row.recipient, source_addr_ton: 1, source_addr_npi: 1,
    destination_addr: row.source,
    esm_class: RECEIPT_CLASS, data_coding: 0, short_message: Buffer.alloc(0),
  };
  if (options.receipt !== 'text') {
    pdu.receipted_message_id = id;
    pdu.message_state = DELIVERED;
  }
  if (options.receipt !== 'tlv') {
    const now = stamp(Date.now());
    pdu.short_message = Buffer.from(
      `id:${id} sub:001 dlvrd:001 submit date:${now} done date:${now} ` +
      'stat:DELIVRD err:000 text:', 'latin1');
  }
  return pdu;
}

function deliver(session, row) {
  session.unacknowledged.add(row);
  const sent = session.deliver_sm(receipt(row), (answer) => {
    if (!session.unacknowledged.delete(row)) return;
    if (answer.command_status === 0) {
      note({ event: 'receipted', id: row.id });
    } else {
      setTimeout(() => due.unshift(row), AGAIN);
    }
    pump();
  });
  if (!sent) session.unacknowledged.delete(row) && due.unshift(row);
  else if (options.twice) session.deliver_sm(receipt(row));
  return sent;
}

function fromPhone(row) {
  const udh = row.udh ? Buffer.from(row.udh, 'hex') : undefined;
  const hex = Buffer.from(row.hex || '', 'hex');
  const octets = udh ? Buffer.concat([udh, hex]) : hex;
  const message = row.text === undefined ? octets : { message: row.text, udh };
  return {
    source_addr: row.source, source_addr_ton: row.source_ton ?? 1, source_addr_npi: 1,
    destination_addr: row.to, dest_addr_ton: row.to_ton ?? 0, data_coding: row.data_coding || 0,
    esm_class: (row.esm_class || 0) | (udh ? 0x40 : 0),
    ...(row.payload ? { short_message: '', message_payload: message }
      : { short_message: message }),
    ...row.tlvs,
  };
}

// Send messages from phones on the newest link, once there is one.
function fromPhones(rows) {
  const session = [...sessions].pop();
  if (!session) {
    setTimeout(() => fromPhones(rows), 20);
    return;
  }
  rows.forEach((row, index) => session.deliver_sm(fromPhone(row), (answer) => {
    note({ event: 'delivered', index, status: answer.command_status });
  }));
}

// Send receipts that are due, as the windows allow.
function pump() {
  const now = Date.now();
  for (const session of sessions) {
    while (due.length && due[0].at <= now) {
      if (session.unacknowledged.size >= options.window) break;
      if (!deliver(session, due.shift())) break;
    }
  }
}

function submitted(session, pdu) {
  const id = ++lastId;
  noteSubmit(id, pdu);
  const row = { id, source: pdu.source_addr, recipient: pdu.destination_addr };
  const answer = () => session.send(
    pdu.response({ message_id: ID_FORMS[options.response_id](id) }));
  if ((pdu.registered_delivery & 3) !== 1 || options.receipt === 'none') {
    answer();
  } else if (options.early) {
    deliver(session, row);
    answer();
  } else {
    answer();
    due.push({ ...row, at: Date.now() + options.delay * 1000 });
  }
}

function bound(session, pdu) {
  const known = pdu.system_id === options.system_id && pdu.password === options.password;
  note({ event: 'bind', command: pdu.command, known });
  if (!known) {
    session.send(pdu.response({ command_status: smpp.ESME_RINVPASWD }));
    session.close();
    return;
  }
  session.send(pdu.response({ system_id: 'node-smpp' }));
  if (pdu.command !== 'bind_transmitter') sessions.add(session);
  if (pdu.command !== 'bind_receiver') session.on('submit_sm', (p) => submitted(session, p));
}

function gone(session) {
  sessions.delete(session);
  due.unshift(...session.unacknowledged);
  session.unacknowledged.clear();
}

const server = smpp.createServer((session) => {
  session.unacknowledged = new Set();
  for (const command of ['bind_transceiver', 'bind_transmitter', 'bind_receiver']) {
    session.on(command, (pdu) => bound(session, pdu));
  }
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
  session.on('close', () => gone(session));
  session.on('error', () => session.destroy());
});

readline.createInterface({ input: process.stdin })
  .on('line', (line) => fromPhones(JSON.parse(line)));
recover();
setInterval(pump, 20);
process.on('SIGTERM', () => process.exit(0));
server.listen(options.port, '127.0.0.1', () => console.log('ready'));
