/** Two HL7 v2 receivers of others, each made to answer as told: what parses our messages and makes the ACK is their code. */
import { once } from 'node:events';
import { Server } from 'node-hl7-server';
import simpleHl7 from 'simple-hl7';

export type PeerAnswer = 'AA' | 'AE' | 'AR' | 'hang';
export type Arrival = { readonly controlId: string; readonly studyInstanceUid: string; readonly answer: PeerAnswer };
export type Hl7Peer = {
  /** Every message that arrived, repeats too; kept over restarts. */
  readonly arrived: Arrival[];
  behave(answer: (studyInstanceUid: string) => PeerAnswer): void;
  open(): Promise<void>;
  /** Nobody listens on the port afterwards. */
  close(): Promise<void>;
};

type Listener = { close(): Promise<void> };
/** Listens on `port`; `judge` gets the fields of a message as the library names them and says what to answer. */
type Listen = (port: number, judge: (controlId: string, studyInstanceUid: string) => PeerAnswer) => Promise<Listener>;

/** By name: node-hl7-server and simple-hl7. */
export const PEERS: Readonly<Record<string, Listen>> = { 'node-hl7-server': nodeHl7Server, 'simple-hl7': simple };

export function makePeer(listen: Listen, port: number): Hl7Peer {
  const arrived: Arrival[] = [];
  let answerTo: (studyInstanceUid: string) => PeerAnswer = () => 'AA';
  let listener: Listener | null = null;
  return {
    arrived,
    behave: (next) => {
      answerTo = next;
    },
    async open() {
      listener = await listen(port, (controlId, studyInstanceUid) => {
        const answer = answerTo(studyInstanceUid);
        arrived.push({ controlId, studyInstanceUid, answer });
        return answer;
      });
    },
    async close() {
      await listener?.close();
      listener = null;
    },
  };
}

async function nodeHl7Server(port: number, judge: Parameters<Listen>[1]): Promise<Listener> {
  const inbound = new Server({ bindAddress: '127.0.0.1' }).createInbound({ port }, async (request, response) => {
    const message = request.getMessage();
    const answer = judge(message.get('MSH.10').toString(), message.get('OBX').get(0).get('5').toString());
    if (answer !== 'hang') await response.sendResponse(answer);
  });
  await new Promise<void>((resolve) => inbound.on('listen', () => resolve()));
  return { close: async () => void (await inbound.close()) };
}

async function simple(port: number, judge: Parameters<Listen>[1]): Promise<Listener> {
  const app = simpleHl7.tcp();
  app.use(({ msg }, response) => {
    const answer = judge(msg.header.getField(8), msg.getSegments('OBX')[0]!.getField(5));
    if (answer === 'hang') return;
    response.ack.getSegment('MSA').setField(1, answer);
    response.end();
  });
  const { server } = app.start(port);
  await once(server, 'listening');
  return {
    async close() {
      app.stop();
      await once(server, 'close');
    },
  };
}
