/** The receiver as a process of its own, for a test that gives it little memory. */
import { startTestReceiver } from './testReceiver.ts';

const receiver = await startTestReceiver({ ICHOR_MAX_MEMORY_BYTES: '20000000' });
process.stdout.write(`listening on ${receiver.port}\n`);
process.once('SIGTERM', () => void receiver.close().then(() => process.exit()));
