// What is shown where there is no page.
import Link from "next/link";

export default function NotFound() {
  return (
    <div className="panel flex flex-col items-center gap-3 px-6 py-12 text-center">
      <h1 className="text-lg font-semibold">There is nothing here</h1>
      <p className="text-muted">The address leads to no page.</p>
      <Link href="/" className="button-primary">
        Go to the tasks
      </Link>
    </div>
  );
}
