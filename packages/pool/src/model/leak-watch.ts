import { Deadline, type Deadlines } from "../support/deadlines.js";

/** Reports a lease that is held for longer than the threshold, once. */
export class LeakWatch extends Deadline {
  reported = false;
  readonly #background: Deadlines;
  readonly #report: () => void;

  constructor(background: Deadlines, since: number, thresholdMs: number, report: () => void) {
    super();
    this.#background = background;
    this.#report = report;
    background.set(this, since, thresholdMs);
  }

  override run(): void {
    this.reported = true;
    this.#report();
  }

  cancel(): void {
    this.#background.cancel(this);
  }
}
