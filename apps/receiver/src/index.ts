/** The door of the receiver. */
export { startReceiverRole } from './receiver.ts';
