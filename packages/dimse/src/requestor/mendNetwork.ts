/** What dcmjs-dimse 0.3.3 does otherwise than a sender must: mended from outside, in its internals. */
import { joinFragments, type Pdv } from './fragments.ts';
import { checkCommandSet } from './soundCommand.ts';

export type Internals = {
  network?: {
    socket: import('node:net').Socket;
    /** A command that awaits its dataset. */
    dimse: unknown;
    dimseStream: unknown;
    _processPDataTf(pdu: { getPdvs(): readonly Pdv[] }): Promise<void>;
    sendAssociationReleaseRequest(): void;
    on(event: 'abort', listener: (abort: { source: number; reason: number }) => void): void;
  };
};

/**
 * Repairs of dcmjs-dimse 0.3.3: Nagle's algorithm, fragments that are joined whatever they belong to, numbers without a value, an abort that
 * is not reported, and a release that cannot wait for what the peer has yet to say.
 */
export function mendNetwork(
  client: unknown,
  beforeRelease: (() => Promise<void>) | undefined,
  onAbort: (reason: string) => void,
  unusable: (error: unknown) => void,
): void {
  const { network } = client as Internals;
  if (network === undefined) return;
  network.socket.setNoDelay(true);
  network.on('abort', ({ source, reason }) => onAbort(`aborted by the peer (source ${source}, reason ${reason})`));
  const read = network._processPDataTf;
  const join = joinFragments(() => network.dimse !== undefined);
  const give = (whole: Pdv): void => {
    if (whole.isCommand()) checkCommandSet(whole.getValue());
    network.dimseStream = undefined;
    read.call(network, { getPdvs: () => [whole] }).catch(unusable);
  };
  // Nothing is waited for between two fragments: those of the next PDU would come between them.
  network._processPDataTf = async (pdu) => {
    try {
      for (const pdv of pdu.getPdvs()) {
        const whole = join(pdv);
        if (whole !== null) give(whole);
      }
    } catch (error) {
      unusable(error);
    }
  };
  if (beforeRelease === undefined) return;
  const release = network.sendAssociationReleaseRequest;
  network.sendAssociationReleaseRequest = function () {
    beforeRelease()
      .then(() => {
        if (!this.socket.destroyed) release.call(this);
      })
      .catch(unusable);
  };
}
