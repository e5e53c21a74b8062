/** The door of the receiver. */
export { type DicomPort, listenDicom } from './listen.ts';
export { makeMemoryBudget } from './memory.ts';
export { startReceiverRole } from './receiver.ts';
export { type StoreRequest, storeInstance } from './storeInstance.ts';
