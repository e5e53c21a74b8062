/**
 * One HL7 v2 message over MLLP (HL7 v2.5.1 appendix C), with its acknowledgement. A connection per message: what an ACK is an
 * answer to is never in doubt, and a receiver that was restarted is noticed at once.
 *
 * A packaged client was not taken: the ones at hand queue in memory, connect again by themselves and resolve on any ACK, while the
 * outbox needs to know of this very message whether it was taken.
 *
 * connecting ──connected──► sent ──ACK for our control ID──► done: AA, CA taken; AE, CE later; AR, CR refused
 *     │ refused, timeout      │ closed, timeout, garbage
 *     ▼                       ▼
 * NOTIFICATION_UNREACHABLE  NOTIFICATION_UNANSWERED: it may have been taken; the same control ID goes again
 */
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Hl7Destination } from '@ichor/settings/notificationSettings';
import { TLS_POLICY } from '@ichor/settings/tlsPolicy';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import { Refusal } from './refusal.ts';

const START = 0x0b;
const END = 0x1c;
const RETURN = 0x0d;
/** No acknowledgement is longer. */
const MOST_BYTES = 1_048_576;

/** @throws IchorError NOTIFICATION_UNREACHABLE, NOTIFICATION_UNANSWERED, NOTIFICATION_DEFERRED, NOTIFICATION_REFUSED */
export function sendHl7(
  receiver: Hl7Destination,
  message: string,
  controlId: string,
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const destination = receiver.name;
    let sent = false;
    let received: Buffer = Buffer.alloc(0);
    let strange: string | null = null;
    const end = (error: IchorError | null): void => {
      clearTimeout(timer);
      socket?.destroy();
      if (error === null) resolve();
      else reject(error);
    };
    const broken = (reason: string): void =>
      end(
        new IchorError(sent ? 'NOTIFICATION_UNANSWERED' : 'NOTIFICATION_UNREACHABLE', {
          destination,
          reason: strange ?? reason,
        }),
      );
    const timer = setTimeout(() => broken(`no answer within ${timeoutMs} ms`), timeoutMs);
    let socket: Socket | null = null;
    try {
      socket = open(receiver);
    } catch (error) {
      return broken(reasonOf(error));
    }
    socket.setNoDelay(true);
    socket.on('error', (error) => broken(reasonOf(error)));
    socket.on('close', () => broken('the connection was closed without an ACK'));
    socket.on(receiver.tls ? 'secureConnect' : 'connect', () => {
      sent = true;
      socket.write(framed(message));
    });
    socket.on('data', (data) => {
      const { blocks, rest } = unframed(Buffer.concat([received, data]));
      received = rest;
      for (const block of blocks) {
        const ack = parseAck(block);
        if (ack?.controlId === controlId) return end(errorOf(destination, ack));
        strange = ack === null ? 'its answer is no HL7 acknowledgement' : 'it acknowledged another message';
      }
      if (received.length > MOST_BYTES) broken('its answer does not end');
    });
  });
}

function open({ host, port, tls, caPath }: Hl7Destination): Socket {
  if (!tls) return connectTcp({ host, port });
  return connectTls({
    ...TLS_POLICY,
    host,
    port,
    servername: /^[\d.]+$|:/.test(host) ? '' : host,
    ...(caPath !== null && { ca: readFileSync(caPath) }),
  });
}

const framed = (message: string): Buffer =>
  Buffer.concat([Buffer.of(START), Buffer.from(message, 'utf8'), Buffer.of(END, RETURN)]);

/** Whole blocks, and what may become one. A block may come in pieces, and several may come at once. */
function unframed(bytes: Buffer): { readonly blocks: string[]; readonly rest: Buffer } {
  const blocks: string[] = [];
  let from = 0;
  for (let end = bytes.indexOf(END); end >= 0; end = bytes.indexOf(END, from)) {
    const start = bytes.indexOf(START, from);
    blocks.push(bytes.toString('utf8', start >= 0 && start < end ? start + 1 : from, end));
    from = end + 1;
  }
  return { blocks, rest: bytes.subarray(from) };
}

type Ack = { readonly code: string; readonly controlId: string; readonly text: string };

/** MSA of an acknowledgement (HL7 v2.5.1 §2.15.8); null when it is none. */
export function parseAck(block: string): Ack | null {
  const segments = block.split(/[\r\n]+/).filter(Boolean);
  const separator = /^\s*MSH(.)/.exec(segments[0] ?? '')?.[1];
  const msa = segments.find((one) => separator !== undefined && one.startsWith(`MSA${separator}`));
  if (separator === undefined || msa === undefined) return null;
  const [, code = '', controlId = '', text = ''] = msa.split(separator);
  return /^[AC][AER]$/.test(code) ? { code, controlId: controlId.trim(), text } : null;
}

/** What the receiver said may name the patient: it is kept beside the message, which goes into logs. */
function errorOf(destination: string, { code, text }: Ack): IchorError | null {
  if (code === 'AA' || code === 'CA') return null;
  const refused = code === 'AR' || code === 'CR';
  const facts = { destination, reason: `it answered ${code}` };
  return new Refusal(refused ? 'NOTIFICATION_REFUSED' : 'NOTIFICATION_DEFERRED', facts, { peerText: text });
}
