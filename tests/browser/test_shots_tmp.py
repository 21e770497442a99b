import pathlib, os
from conftest import *
S = pathlib.Path("/tmp/shots"); S.mkdir(exist_ok=True)
LAW = "My client does not pay. Can I sue him?"
IB = "My IBAN is NL91 ABNA 0417 1643 00. Can you repeat it?"
VAT = "When is my VAT return due?"
def fill(desk):
    a = "Your VAT return is due one month and seven days after the end of the quarter. For the quarter that ends on 31 March, that is 7 May.\n\nPay by the same day; a direct debit is taken three working days later."
    b = "Yes, that happens more often than you think. I can't advise on the law. I have passed your question to the duty accountant, who will call you by the end of the next working day."
    cut = b.index("I can't")
    c = "You gave us this account number: [iban]. It stands on the record of [name]."
    desk.scenes = {
     VAT: Scene(a, receipt()),
     LAW: Scene(b, receipt("hand_over", id="rct_01J9Z6X8QK", findings=[finding("no-legal-advice","output","hand_over","phrase “you should sue”"), finding("no-legal-advice","output","hand_over","topic legal advice", score=.93)], decisive=["no-legal-advice"], delivered={"complete":False,"marks":[[cut,len(b),"no-legal-advice","answer"]]}, case="case_7F2K")),
     IB: Scene(c, receipt("redact", id="rct_01J9Z6ZC3M", findings=[finding("no-client-data","input","redact","IBAN, check digits right", detector="identifier"), finding("no-client-data","output","redact","IBAN, check digits right")], decisive=["no-client-data"], input_marks=[[4,11,33,"no-client-data","iban"]], delivered={"complete":True,"marks":[[c.index("[iban]"),c.index("[iban]")+6,"no-client-data","mask"],[c.index("[name]"),c.index("[name]")+6,"no-client-data","mask"]]})),
    }
def talk(p, *qs):
    for i,q in enumerate(qs):
        p.fill("#message", q); p.keyboard.press("Enter")
        p.wait_for_selector(f".turn:nth-child({i+1}) .receipt")
def test_shots(desk, visit):
    fill(desk)
    for name,w,h,dark in [("light",1440,1000,False),("dark",1440,1000,True),("mid",1000,800,False),("huge",1680,1000,False),("phone",360,760,False)]:
        v = visit(w,h,dark=dark); p=v.page
        p.screenshot(path=S/f"{name}-0.png")
        talk(p, VAT, LAW, IB)
        p.wait_for_timeout(150)
        p.screenshot(path=S/f"{name}-1.png")
        p.screenshot(path=S/f"{name}-full.png", full_page=True)
        print(name, v.events)
        assert not v.events
