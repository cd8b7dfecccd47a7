// The sign-up page.
import { redirect } from "next/navigation";
import { AccountForm } from "@/features/accounts/AccountForm";
import { accountsOn, signUpOn } from "@/lib/auth/config";
import { person } from "@/lib/auth/session";

export default async function SignUp() {
  if (!accountsOn() || (await person())) redirect("/");
  if (!signUpOn()) redirect("/log-in");
  return <AccountForm kind="sign-up" signUp />;
}
