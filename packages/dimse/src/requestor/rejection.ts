/** Why an association was rejected. */
import { IchorError } from '@ichor/shared/errors';

export type Rejection = { result: number; source: number; reason: number };

/** PS3.8 §9.3.4. Result 2 is transient: the peer is busy, another try may succeed. */
export function rejected(destination: string, { result, source, reason }: Rejection): IchorError {
  const text = REJECTIONS[`${source}-${reason}`] ?? `source ${source}, reason ${reason}`;
  if (result === 2)
    return new IchorError('DESTINATION_UNREACHABLE', { destination, reason: `association refused for now: ${text}` });
  return new IchorError('ASSOCIATION_REJECTED', { destination, reason: text });
}

const REJECTIONS: Readonly<Record<string, string>> = {
  '1-1': 'no reason given',
  '1-2': 'application context not supported',
  '1-3': 'calling AE title not recognized',
  '1-7': 'called AE title not recognized',
  '2-1': 'no reason given',
  '2-2': 'protocol version not supported',
  '3-1': 'temporary congestion',
  '3-2': 'local limit exceeded',
};
