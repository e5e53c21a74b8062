/** Settings of sign-in at the worklist; the provider of single sign-on stands in oidc.ts. */
import { minutes } from '../readers.ts';
import type { Reader, SettingTable } from '../setting.ts';

const onlyOn: Reader<boolean> = {
  type: 'one of',
  range: 'on',
  read(text) {
    if (text === 'on') return true;
    throw new Error(
      'can only be on: leave it out and make the first user with `npx ichor user add NAME --role administrator`. Only `npm run demo` runs without sign-in',
    );
  },
};

export const SIGN_IN = {
  /** Always true from the environment; only the demo, which listens on loopback, makes it false. */
  signIn: {
    name: 'ICHOR_SIGN_IN',
    reader: onlyOn,
    default: 'on',
    about: 'always on: people and programs sign in; only `ichor demo` runs without',
  },
  sessionIdleMs: {
    name: 'ICHOR_SESSION_IDLE_MINUTES',
    reader: minutes(1, 1_440),
    default: '60',
    about: 'a person who does nothing this long is signed out',
  },
  sessionMaxMs: {
    name: 'ICHOR_SESSION_MAX_MINUTES',
    reader: minutes(1, 43_200),
    default: '720',
    about: 'a person must sign in again after this long',
  },
} satisfies SettingTable;
