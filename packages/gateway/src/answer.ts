/** An answer that is there as a whole. */
export interface TextAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** What is sent for an HTTP request. A `Response` has a stream even for a short text, which most answers are. */
export type Answer = TextAnswer | Response;

/** The answer with a header more. */
export function withHeader(answer: Answer, name: string, value: string): Answer {
  if (!(answer instanceof Response)) return { ...answer, headers: { ...answer.headers, [name]: value } };
  answer.headers.set(name, value);
  return answer;
}

/** The same for who works with web standards. */
export function asResponse(answer: Answer): Response {
  return answer instanceof Response ? answer : new Response(answer.text, answer);
}
